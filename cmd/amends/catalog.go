package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"amends/catalog"
	"amends/protocol"
)

// catalogCommand looks after the price list.
type catalogCommand struct {
	Import catalogImportCommand `cmd:"" help:"Bring the price list in line with a file."`
	List   catalogListCommand   `cmd:"" help:"List products and prices."`
}

// catalogFlags are those of a command on the price list.
type catalogFlags struct {
	accessFlags
	Replicas int  `default:"1" env:"AMENDS_REPLICAS" help:"Copies of the price list, if it is made now (3 in a cluster)."`
	JSON     bool `help:"Print the answer as JSON."`
}

// with calls do with the price list of the NATS that the flags name.
func (f *catalogFlags) with(do func(*catalog.Catalog) error) error {
	if err := checkReplicas(f.Replicas); err != nil {
		return err
	}
	nc, err := f.access().Dial("amends catalog")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	list, err := catalog.Open(nc, f.Replicas)
	if err != nil {
		return exitOfNATS(err)
	}
	return errors.Join(do(list), list.Close())
}

// print writes an answer as JSON, or as text for people.
func (f *catalogFlags) print(answer any, text func(io.Writer) error) error {
	if f.JSON {
		return json.NewEncoder(stdout).Encode(answer)
	}
	return text(stdout)
}

// catalogImportCommand imports a file. The same file again changes nothing.
type catalogImportCommand struct {
	catalogFlags
	File   string `arg:"" type:"existingfile" help:"Products, as .yaml, .json or .csv: sku, price, currency; name and on_hand may be absent. Stock goes to the inventory where that knows nothing of a product."`
	DryRun bool   `name:"dry-run" help:"Say what would change, and change nothing."`
	Prune  bool   `help:"Also remove the products that the file does not hold."`
}

func (c *catalogImportCommand) Run(ctx context.Context) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	products, err := catalog.Parse(c.File, data)
	if err != nil {
		return &exitError{exitRefused, fmt.Errorf("nothing was imported:\n%w", err)}
	}
	return c.with(func(list *catalog.Catalog) error {
		report, err := list.Import(ctx, products, catalog.Options{DryRun: c.DryRun, Prune: c.Prune})
		if err != nil {
			return &exitError{exitNoNATS, err}
		}
		return c.print(report, func(w io.Writer) error { return printImport(w, report) })
	})
}

func printImport(out io.Writer, r catalog.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range r.Added {
		fmt.Fprintf(w, "added\t%s\t%s\n", c.SKU, productInWords(c.After))
	}
	for _, c := range r.Changed {
		fmt.Fprintf(w, "changed\t%s\t%s (was %s)\n", c.SKU, productInWords(c.After), productInWords(c.Before))
	}
	for _, c := range r.Removed {
		fmt.Fprintf(w, "removed\t%s\t%s\n", c.SKU, productInWords(c.Before))
	}
	fmt.Fprintf(w, "%d added, %d changed, %d removed, %d unchanged", len(r.Added), len(r.Changed), len(r.Removed), r.Unchanged)
	switch {
	case r.DryRun:
		fmt.Fprintf(w, "; this was a dry run: nothing is written\n")
	case r.Stocked > 0:
		fmt.Fprintf(w, "; stock: %d given, %d kept\n", r.Seeded, r.Kept)
	default:
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// productInWords is a product in a line.
func productInWords(p *protocol.Product) string {
	if p == nil {
		return "a row that made no sense"
	}
	text := string(p.Price) + " " + p.Currency
	if p.Name != "" {
		text += ", " + p.Name
	}
	return text
}

// catalogListCommand lists the price list.
type catalogListCommand struct {
	catalogFlags
}

func (c *catalogListCommand) Run(ctx context.Context) error {
	return c.with(func(list *catalog.Catalog) error {
		products, err := list.Read(ctx)
		if err != nil {
			return &exitError{exitNoNATS, err}
		}
		for _, key := range products.Unusable {
			fmt.Fprintf(os.Stderr, "the row %s makes no sense; its product has no price\n", key)
		}
		return c.print(products, func(w io.Writer) error { return printCatalog(w, products) })
	})
}

func printCatalog(out io.Writer, list catalog.List) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SKU\tPRICE\tCURRENCY\tNAME")
	for _, p := range list.Products {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.SKU, p.Price, p.Currency, p.Name)
	}
	return w.Flush()
}
