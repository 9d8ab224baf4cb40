package planfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"amends/faults"
)

// fields are those of a mapping, in the order in which they are listed.
type fields []field

// field takes the text of a value, or says what it should be.
type field struct {
	name string
	set  func(text string) (problem string)
}

func (f fields) names() string {
	names := make([]string, len(f))
	for n := range f {
		names[n] = f[n].name
	}
	return strings.Join(names, ", ")
}

// setter is nil for a field that is unknown, or that no text can set.
func (f fields) setter(name string) func(string) string {
	for _, one := range f {
		if one.name == name {
			return one.set
		}
	}
	return nil
}

func planFields(p *faults.Plan) fields {
	return fields{
		{"name", plain(&p.Name)},
		{"seed", func(text string) string {
			seed, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return "must be a whole number from 0"
			}
			p.Seed = &seed
			return ""
		}},
		{"rules", nil},
	}
}

func ruleFields(r *faults.Rule) fields {
	return fields{
		{"name", plain(&r.Name)}, {"fault", plain(&r.Fault)},
		{"service", plain(&r.Service)}, {"type", plain(&r.Type)}, {"step", number(&r.Step)},
		{"direction", plain(&r.Direction)}, {"attempts", attempts(&r.Attempts)},
		{"probability", probability(&r.Probability)}, {"delay", duration(&r.Delay)},
		{"error", plain(&r.Error)}, {"retryable", truth(&r.Retryable)}, {"retry_after", duration(&r.RetryAfter)},
	}
}

func plain[T ~string](to *T) func(string) string {
	return func(text string) string {
		if text == "" {
			return "must not be empty: leave it out"
		}
		*to = T(text)
		return ""
	}
}

// number takes 0 for a number below what is allowed: absent would be anything.
func number(to *int) func(string) string {
	return func(text string) string {
		n, err := strconv.Atoi(text)
		if err != nil {
			return "must be a number"
		}
		if *to = n; n == 0 {
			*to = -1
		}
		return ""
	}
}

func attempts(to *faults.Attempts) func(string) string {
	return func(text string) string {
		var parsed faults.Attempts
		first, last, both := strings.Cut(text, "-")
		if !both {
			last = first
		}
		for _, part := range []struct {
			text string
			to   *int
		}{{first, &parsed.First}, {last, &parsed.Last}} {
			if problem := number(part.to)(strings.TrimSpace(part.text)); problem != "" {
				return fmt.Sprintf("must be a number from 1 to %d, or two such as 1-3", faults.MaxAttempt)
			}
		}
		*to = parsed
		return ""
	}
}

func probability(to *float64) func(string) string {
	return func(text string) string {
		p, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "must be from 0 to 1"
		}
		*to = p
		return ""
	}
}

func duration(to *time.Duration) func(string) string {
	return func(text string) string {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return "must be a time such as 300ms or 2s"
		}
		*to = d
		return ""
	}
}

func truth(to *bool) func(string) string {
	return func(text string) string {
		if text != "true" && text != "false" {
			return "must be true or false"
		}
		*to = text == "true"
		return ""
	}
}
