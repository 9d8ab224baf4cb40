package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const (
	// maxRequests bounds the questions of a kind that are taken in at once; more
	// are refused as overloaded.
	maxRequests = 64
	// maxLists bounds the lists in work at once: each reads many records.
	maxLists = 4
	// placeTimeout is how long a question that was taken in waits until it is its
	// turn.
	placeTimeout = 2 * time.Second
	// requestTimeout bounds the work on one question.
	requestTimeout = 30 * time.Second
)

var errOverloaded = &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many questions are in work; try again"}

// question is a request that changes nothing.
type question interface{ Validate() error }

// serve registers the micro service. Replicas share the work.
func (s *Service) serve() error {
	service, err := micro.AddService(s.cfg.Conn, micro.Config{
		Name: protocol.ServiceOrder, Version: "1.0.0", QueueGroup: protocol.ServiceOrder,
		Description: "tells how orders stand, and writes what becomes of them into " + protocol.StreamOrders,
	})
	if err != nil {
		return fmt.Errorf("adding the service: %w", err)
	}
	s.micro = service
	get := handler(s, s.getting, protocol.SubjectOrder, func(ctx context.Context, q protocol.OrderQuery) (any, error) { return s.get(ctx, q) })
	list := handler(s, s.listing, protocol.SubjectOrderList, func(ctx context.Context, q protocol.OrderListRequest) (any, error) { return s.list(ctx, q) })
	return errors.Join(
		service.AddEndpoint("get", get, micro.WithEndpointSubject(protocol.SubjectOrder)),
		service.AddEndpoint("list", list, micro.WithEndpointSubject(protocol.SubjectOrderList)),
	)
}

// handler reads a question and answers it aside: a micro service calls its
// handlers one at a time. An empty request is one without any field.
func handler[Q question](s *Service, places *places, subject string, answer func(context.Context, Q) (any, error)) micro.HandlerFunc {
	return func(r micro.Request) {
		if r.Subject() != subject {
			return // not a request: somebody delivers the messages of a stream here
		}
		reply, data := r.Reply(), r.Data()
		if !places.enter() {
			s.respondError(reply, errOverloaded)
			return
		}
		go func() {
			defer places.leave()
			if !places.begin(s.background) {
				s.respondError(reply, errOverloaded)
				return
			}
			defer places.end()
			ctx, cancel := context.WithTimeout(s.background, requestTimeout)
			defer cancel()
			s.answer(reply, func() (any, error) {
				q, err := decode[Q](data)
				if err != nil {
					return nil, err
				}
				return answer(ctx, q)
			})
		}()
	}
}

func decode[Q question](data []byte) (q Q, err error) {
	if len(data) > 0 {
		if _, err := protocol.Decode(data, &q); err != nil {
			return q, err
		}
	}
	return q, q.Validate()
}

// answer sends what find finds. A panic costs this question only.
func (s *Service) answer(reply string, find func() (any, error)) {
	defer func() {
		if cause := recover(); cause != nil {
			s.respondError(reply, fmt.Errorf("panic: %v", cause))
		}
	}()
	found, err := find()
	if err != nil {
		s.respondError(reply, err)
		return
	}
	body, err := json.Marshal(found)
	if err != nil {
		s.respondError(reply, fmt.Errorf("encoding an answer: %w", err))
		return
	}
	m := nats.NewMsg(reply)
	m.Data = body
	s.respond(m)
}

// respondError answers with the one shape of errors; what is inside an unknown
// error stays inside, and is logged.
func (s *Service) respondError(reply string, cause error) {
	if errors.Is(cause, store.ErrUnavailable) {
		cause = &protocol.Error{Code: protocol.CodeUnavailable, Message: "the store cannot be reached now; try again"}
	}
	e := protocol.AsError(cause)
	if e.Code == protocol.CodeInternal {
		s.log.Error().Err(cause).Msg("a question could not be answered")
	}
	m := nats.NewMsg(reply)
	// Texts only: this cannot fail, and the headers say it all.
	m.Data, _ = json.Marshal(e)
	m.Header.Set(micro.ErrorHeader, e.Error())
	m.Header.Set(micro.ErrorCodeHeader, e.Status())
	s.respond(m)
}

// respond sends an answer, unless nobody asked for one, or the subject is not one
// on which a client may wait.
func (s *Service) respond(m *nats.Msg) {
	if m.Subject == "" || !protocol.IsReplySubject(m.Subject) {
		return
	}
	if err := s.cfg.Conn.PublishMsg(m); err != nil {
		s.complaint.Warn().Err(err).Msg("an answer could not be sent")
	}
}
