package embedded

import (
	"fmt"

	"github.com/rs/zerolog"
)

// serverLog writes the log of the NATS server into ours. What the server calls a
// notice is detail to us.
type serverLog struct {
	log   zerolog.Logger
	fatal chan string // gets what the server cannot go on from
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug().Msg(fmt.Sprintf(format, v...)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warn().Msg(fmt.Sprintf(format, v...)) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Error().Msg(fmt.Sprintf(format, v...)) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log.Debug().Msg(fmt.Sprintf(format, v...)) }
func (l *serverLog) Tracef(format string, v ...any)  { l.log.Trace().Msg(fmt.Sprintf(format, v...)) }

// Fatalf does not end the process: whoever started the server is told.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error().Msg(text)
	select {
	case l.fatal <- text:
	default: // the first one is the cause
	}
}
