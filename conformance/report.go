package conformance

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"amends/protocol"
)

// Status is how a clause came out.
type Status string

// The statuses.
const (
	Pass Status = "PASS"
	Fail Status = "FAIL"
	Warn Status = "WARN" // a SHOULD that does not hold
	Skip Status = "SKIP" // could not be checked; the detail says why
)

// Report is the outcome of a run.
type Report struct {
	Type    string   `json:"type"` // "conformance"
	Service string   `json:"service"`
	Run     string   `json:"run"` // saga ids of the run begin with conform-<run>
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Warned  int      `json:"warned"`
	Skipped int      `json:"skipped"`
	Clauses []Result `json:"clauses"`
	// Left are sagas of which something may stand that could not be undone.
	Left []string `json:"left,omitempty"`
}

// Result is how one clause came out, and on what evidence.
type Result struct {
	ID        string     `json:"id"`
	Title     string     `json:"title"`
	Status    Status     `json:"status"`
	Detail    string     `json:"detail,omitempty"`
	Exchanges []Exchange `json:"exchanges,omitempty"`
}

// Exchange is a message that was sent, and what came back.
type Exchange struct {
	Subject string            `json:"subject"`
	Header  map[string]string `json:"header,omitempty"`
	Sent    string            `json:"sent"`
	Got     string            `json:"got,omitempty"`
	Error   string            `json:"error,omitempty"` // why nothing came back
	TookMS  float64           `json:"took_ms"`
}

// OK reports whether the worker conforms, as far as it could be checked.
func (r *Report) OK() bool { return r.Failed == 0 }

func (r *Report) add(result Result) {
	r.Clauses = append(r.Clauses, result)
	switch result.Status {
	case Pass:
		r.Passed++
	case Fail:
		r.Failed++
	case Warn:
		r.Warned++
	case Skip:
		r.Skipped++
	}
}

// WriteText prints the result for people. The evidence is told of what does not
// hold, or of everything.
func (r Result) WriteText(w io.Writer, everything bool) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s  %-3s  %s\n", r.Status, r.ID, r.Title)
	if r.Detail != "" {
		fmt.Fprintf(&text, "           %s\n", r.Detail)
	}
	if everything || r.Status == Fail || r.Status == Warn {
		for _, e := range r.Exchanges {
			e.write(&text)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (e Exchange) write(text *strings.Builder) {
	fmt.Fprintf(text, "           > %s %s\n", e.Subject, e.Sent)
	if e.Error != "" {
		fmt.Fprintf(text, "           < %s\n", e.Error)
	} else {
		fmt.Fprintf(text, "           < %s  (%.1f ms)\n", e.Got, e.TookMS)
	}
}

// WriteSummary prints the last lines of a report.
func (r *Report) WriteSummary(w io.Writer) error {
	text := fmt.Sprintf("%s: %d passed, %d failed, %d warned, %d skipped (sagas %s%s-…)\n",
		r.Service, r.Passed, r.Failed, r.Warned, r.Skipped, protocol.ConformancePrefix, r.Run)
	if len(r.Left) > 0 {
		text += "not undone, look at them: " + strings.Join(r.Left, " ") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// maxEvidence bounds one body in a report, in bytes.
const maxEvidence = 400

// brief is a body as evidence. What is no text is quoted.
func brief(body []byte) string {
	text := string(body)
	cut := len(text) > maxEvidence
	if cut {
		text = text[:maxEvidence]
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		text = fmt.Sprintf("%q", text)
	}
	if cut {
		text += fmt.Sprintf("… (%d bytes)", len(body))
	}
	return text
}
