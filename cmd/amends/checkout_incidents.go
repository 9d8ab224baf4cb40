package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// incidentsCommand lists the open incidents, with what is needed to decide about
// them.
type incidentsCommand struct {
	clientFlags
	filterFlags
}

// incidentList is what it prints as JSON.
type incidentList struct {
	Type      string              `json:"type"`
	Incidents []protocol.Incident `json:"incidents"`
	Checkouts int                 `json:"checkouts"` // that have open incidents and match, listed or not
	AtRisk    []protocol.Amount   `json:"at_risk"`   // of those listed, one sum per currency
}

func (c *incidentsCommand) Run() error {
	if c.Incident == "" {
		c.Incident = protocol.AnyIncident
	}
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	var list protocol.List
	raw, err := c.ask(nc, protocol.SubjectList, protocol.ListRequest{Filter: c.filter(), Limit: c.Limit}, &list)
	if err != nil {
		c.printJSON(raw)
		return err
	}
	all, err := c.look(nc, list)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(stdout).Encode(all)
	}
	all.print(stdout)
	if more := list.Total - len(list.Sagas); more > 0 {
		fmt.Fprintf(os.Stderr, "%d more checkouts; --limit shows them\n", more)
	}
	return nil
}

// look asks for the incidents of each checkout: a list names one kind only. One
// that has come to its end meanwhile has none; one that cannot be shown is told by
// what the list says of it.
func (c *incidentsCommand) look(nc *nats.Conn, list protocol.List) (incidentList, error) {
	all := incidentList{Type: "checkout_incidents", Incidents: []protocol.Incident{}, Checkouts: list.Total}
	var risk money
	for _, row := range list.Sagas {
		var status protocol.Status
		_, err := c.ask(nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: row.SagaID}, &status)
		refusal, refused := errors.AsType[*protocol.Error](err)
		switch {
		case refused && refusal.Code == protocol.CodeSagaNotFound:
			continue
		case refused:
			status.Incidents = []protocol.Incident{{
				SagaID: row.SagaID, Definition: row.Definition, Kind: row.Incident, Cause: refusal.Message,
				FirstAt: row.UpdatedAt, LastAt: row.UpdatedAt, Actions: []string{},
			}}
		case err != nil:
			return all, err
		}
		all.Incidents = append(all.Incidents, status.Incidents...)
		if len(status.Incidents) > 0 && status.Incidents[0].AtRisk != nil {
			risk.add(*status.Incidents[0].AtRisk) // it is that of the whole checkout
		}
	}
	all.AtRisk = risk.amounts()
	return all, nil
}

func (l *incidentList) print(out io.Writer) {
	for _, incident := range l.Incidents {
		fmt.Fprintf(out, "%s  %s\n", incident.SagaID, headline(incident))
		printIncident(out, "  ", incident)
	}
	fmt.Fprintf(out, "%s in %s; %s at risk\n", counted(len(l.Incidents), "incident"), counted(l.Checkouts, "checkout"), inWords(l.AtRisk))
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// headline is the kind of an incident and where it is.
func headline(i protocol.Incident) string {
	text := i.Kind
	if i.Step > 0 {
		text += fmt.Sprintf(" at step %d", i.Step)
	}
	if i.Command != "" {
		text += ", " + i.Command
	}
	if i.Attempts > 1 {
		text += ", " + counted(i.Attempts, "attempt")
	}
	return text
}

func printIncident(out io.Writer, indent string, i protocol.Incident) {
	acts := strings.Join(i.Actions, ", ")
	if acts == "" {
		acts = "none"
	}
	risk := "nothing that is known"
	if i.AtRisk != nil {
		risk = inWords([]protocol.Amount{*i.AtRisk})
	}
	for _, line := range [][2]string{{"cause", i.Cause}, {"since", i.FirstAt}, {"at risk", risk}, {"acts", acts}} {
		fmt.Fprintf(out, "%s%-8s  %s\n", indent, line[0], line[1])
	}
}
