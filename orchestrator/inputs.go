package orchestrator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"amends/protocol"
	"amends/saga"
)

// inputsOf takes those fields out of a request that its definition asks for, each
// in the one form that the same value always has.
func inputsOf(def *saga.Definition, request *protocol.StartRequest, data []byte) (map[string]json.RawMessage, error) {
	if len(def.Request) == 0 {
		return document000(request)
	}
	sent, err := protocol.Fields(data)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]json.RawMessage, len(def.Request)+2)
	for _, in := range def.Request {
		value, ok := sent[in.Name]
		switch {
		case !ok && in.Default != nil:
			value = in.Default
		case !ok && in.Optional:
			continue
		case !ok:
			return nil, &protocol.Error{Code: protocol.CodeMissingField, Field: in.Name, Message: "is required"}
		}
		if fields[in.Name], err = protocol.Canonical(string(in.Kind), in.Name, value); err != nil {
			return nil, err
		}
	}
	return fields, adoptCurrency(request, fields)
}

// adoptCurrency lets the currency of a definition count for a client that names
// none.
func adoptCurrency(request *protocol.StartRequest, fields map[string]json.RawMessage) error {
	if request.Currency != "" || fields["currency"] == nil {
		return nil
	}
	if err := json.Unmarshal(fields["currency"], &request.Currency); err != nil {
		return fmt.Errorf("reading the currency of a definition: %w", err)
	}
	_, _, err := request.Total()
	return err
}

// document000 is what a definition asks for that does not say (S0-06).
func document000(request *protocol.StartRequest) (map[string]json.RawMessage, error) {
	if err := request.Validate(); err != nil {
		return nil, err
	}
	fields := make(map[string]json.RawMessage, 5)
	for name, value := range map[string]any{
		"user_id": request.UserID, "items": request.Items, "shipping_address": request.ShippingAddress,
	} {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", name, err)
		}
		fields[name] = raw
	}
	return fields, nil
}

// unasked are the unknown fields of a request for which its definition does not
// ask.
func unasked(def *saga.Definition, unknown []string) []string {
	return slices.DeleteFunc(unknown, func(path string) bool {
		name, _, _ := strings.Cut(path, ".")
		name, _, _ = strings.Cut(name, "[")
		return slices.ContainsFunc(def.Request, func(in saga.Input) bool { return in.Name == name })
	})
}

// hashOf tells a repeated request from another one of the same saga_id (A7). A
// price is part of it only if it is the client's word.
func hashOf(def *saga.Definition, request *protocol.StartRequest, fields map[string]json.RawMessage) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "amount" || name == "currency" {
			continue
		}
		h.Write([]byte(name))
		h.Write([]byte{0})
		h.Write(fields[name])
		h.Write([]byte{0})
	}
	if said, ok, err := request.Total(); ok && err == nil && def.Pricing != saga.CatalogPrice {
		h.Write([]byte(said.String()))
	}
	h.Write([]byte(def.Name))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
