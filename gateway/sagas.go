package gateway

import (
	"context"
	"net/http"
	"strconv"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// filterInput is protocol.Filter as a query.
type filterInput struct {
	Status     string `query:"status" enum:"PENDING,COMPENSATING,COMPLETED,ABORTED,STUCK,KILLED" doc:"Only those of this status."`
	Definition string `query:"definition" doc:"Only those of this definition." example:"checkout"`
	Step       string `query:"step" doc:"Only those with this step in progress." example:"charge"`
	Code       string `query:"code" doc:"Only those whose first failure has this code." example:"insufficient_funds"`
	Incident   string `query:"incident" doc:"Only those with an open incident of this kind, or of any." example:"any"`
	OlderThan  number `query:"older_than_ms" minimum:"0" maximum:"31622400000" doc:"Only those unchanged for longer than this, in milliseconds."`
	Limit      number `query:"limit" minimum:"1" maximum:"1000" doc:"At most so many, newest first; 100 unless told."`
}

// request is the question on NATS.
func (in *filterInput) request() (protocol.ListRequest, error) {
	older, err := in.OlderThan.value("older_than_ms")
	if err != nil {
		return protocol.ListRequest{}, err
	}
	limit, err := in.Limit.value("limit")
	if err == nil && in.Limit != "" && limit < 1 {
		err = problem(protocol.CodeInvalidField, "limit", "must be from 1 to "+strconv.Itoa(protocol.MaxListLimit))
	}
	if err != nil {
		return protocol.ListRequest{}, err
	}
	request := protocol.ListRequest{Limit: int(limit), Filter: protocol.Filter{
		Status: in.Status, Definition: in.Definition, Step: in.Step, Code: in.Code, Incident: in.Incident, OlderThanMS: older,
	}}
	return request, request.Validate()
}

type sagaInput struct {
	ID        string `path:"id" doc:"The saga_id."`
	Unchanged string `header:"If-None-Match" doc:"The ETag of an earlier answer: 304 if nothing has changed."`
}

type sagaOutput struct {
	Status       int
	ETag         string `header:"ETag" doc:"The revision of the saga, for If-Match."`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         protocol.Status
}

type definitionsInput struct {
	Name string `query:"name" doc:"All versions of this one." example:"checkout"`
}

type bodyOutput[T any] struct{ Body T }

func (g *Gateway) addSagas(a huma.API) {
	add(a, route{
		method: http.MethodGet, path: "/v1/sagas", id: "list-sagas", tag: tagSagas, summary: "List sagas",
		doc:   "The newest sagas that match, and in total how many do.",
		codes: []protocol.Code{protocol.CodeDuplicateField, protocol.CodeInvalidID},
	}, g.listSagas)
	add(a, route{
		method: http.MethodGet, path: "/v1/sagas/{id}", id: "get-saga", tag: tagSagas, summary: "Look a saga up",
		doc:   "Where it stands, step by step, and what it waits for.",
		also:  []also{{http.StatusNotModified, "Nothing has changed."}},
		codes: []protocol.Code{protocol.CodeInvalidID, protocol.CodeSagaNotFound},
	}, g.getSaga)
	add(a, route{
		method: http.MethodGet, path: "/v1/definitions", id: "list-definitions", tag: tagSagas, summary: "List definitions",
		doc:   "What kinds of sagas there are; with a name, all versions of one.",
		codes: []protocol.Code{protocol.CodeDuplicateField, protocol.CodeInvalidID, protocol.CodeDefinitionUnknown},
	}, g.listDefinitions)
}

func (g *Gateway) listSagas(ctx context.Context, in *filterInput) (*bodyOutput[protocol.List], error) {
	request, err := in.request()
	if err != nil {
		return nil, err
	}
	out := new(bodyOutput[protocol.List])
	return out, g.ask(ctx, protocol.SubjectList, request, 0, &out.Body)
}

func (g *Gateway) getSaga(ctx context.Context, in *sagaInput) (*sagaOutput, error) {
	status, err := g.status(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &sagaOutput{Status: http.StatusOK, ETag: etag(status.Revision), CacheControl: "no-cache", Body: *status}
	if matches(in.Unchanged, out.ETag, true) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// status asks for one saga.
func (g *Gateway) status(ctx context.Context, id string) (*protocol.Status, error) {
	request := protocol.StatusRequest{SagaID: id}
	if err := request.Validate(); err != nil {
		return nil, err
	}
	status := new(protocol.Status)
	return status, g.ask(ctx, protocol.SubjectStatus, request, 0, status)
}

func (g *Gateway) listDefinitions(ctx context.Context, in *definitionsInput) (*bodyOutput[protocol.Definitions], error) {
	request := protocol.DefinitionsRequest{Name: in.Name}
	if err := request.Validate(); err != nil {
		return nil, err
	}
	out := new(bodyOutput[protocol.Definitions])
	return out, g.ask(ctx, protocol.SubjectDefinitions, request, 0, &out.Body)
}
