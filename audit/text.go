package audit

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for people: the verdict last.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	o := r.Sagas
	fmt.Fprintf(&b, "%s audited in %.1f s\n", numberOf(o.Total, "saga"), float64(r.TookMS)/1000)
	fmt.Fprintf(&b, "  ended     %d COMPLETED, %d ABORTED", o.Completed, o.Aborted)
	if o.Killed > 0 {
		fmt.Fprintf(&b, ", %d KILLED, of which everything stands as it stood", o.Killed)
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  open      %d RUNNING, %d COMPENSATING, %d STUCK; %d messages in the inbox\n",
		o.Running, o.Compensating, o.Stuck, r.Inbox)
	if o.ByHand > 0 {
		fmt.Fprintf(&b, "  by hand   %d with a step that a person has settled, which is not judged\n", o.ByHand)
	}
	if o.Unprovable > 0 {
		fmt.Fprintf(&b, "  unknown   %d whose record cannot be followed\n", o.Unprovable)
	}
	r.writeSums(&b)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	r.writeIncidents(&b)
	r.writeFindings(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (r *Report) writeSums(b *strings.Builder) {
	e := r.Effects
	fmt.Fprintf(b, "  effects   %d reservations, %d charges, %d shipments\n", e.Reservations, e.Charges, e.Shipments)
	if e.Authorizations > 0 {
		fmt.Fprintf(b, "            %d authorizations\n", e.Authorizations)
	}
	if e.Expired > 0 {
		fmt.Fprintf(b, "            %d of them so old that the records of their sagas have expired\n", e.Expired)
	}
	for _, sum := range r.Money {
		fmt.Fprintf(b, "  money     %s %s charged, %s refunded, %s net; %s due for COMPLETED sagas\n",
			sum.Currency, sum.Charged, sum.Refunded, sum.Net, sum.Completed)
	}
	fmt.Fprintf(b, "  stock     %d SKUs, %d on hand, %d of it reserved\n", r.Stock.SKUs, r.Stock.OnHand, r.Stock.Reserved)
}

func (r *Report) writeIncidents(b *strings.Builder) {
	if r.Sagas.Stuck == 0 {
		return
	}
	fmt.Fprintf(b, "incidents that are open: %d\n", r.Sagas.Stuck)
	for _, i := range r.Incidents {
		fmt.Fprintf(b, "  %s: %s\n", i.SagaID, i.What)
	}
}

func (r *Report) writeFindings(b *strings.Builder) {
	if r.OK() && r.Unjudged > 0 {
		fmt.Fprintf(b, "INCOMPLETE: nothing wrong was found, but %d sagas or SKUs moved all the time and could not be judged; audit again\n", r.Unjudged)
		return
	}
	if r.OK() {
		b.WriteString("OK: nothing charged twice, oversold, lost or forgotten\n")
		return
	}
	for _, f := range r.Findings {
		fmt.Fprintf(b, "%-4s %s: %s\n     [%s]\n", f.Invariant, f.subject(), f.What, f.Evidence)
	}
	if more := r.Violations - len(r.Findings); more > 0 {
		fmt.Fprintf(b, "… and %d more\n", more)
	}
	parts := make([]string, 0, len(r.Broken))
	for _, broken := range Invariants() {
		if n := r.Broken[broken]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", broken, n))
		}
	}
	fmt.Fprintf(b, "VIOLATED: %s (%s)\n", numberOf(r.Violations, "finding"), strings.Join(parts, ", "))
}

func numberOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// String is a finding in one line.
func (f *Finding) String() string {
	return fmt.Sprintf("%-4s %s: %s [%s]", f.Invariant, f.subject(), f.What, f.Evidence)
}

// subject is what a finding is about.
func (f *Finding) subject() string {
	switch {
	case f.SagaID != "":
		return "saga " + f.SagaID
	case f.SKU != "":
		return "sku " + f.SKU
	}
	return "store"
}
