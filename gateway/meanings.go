package gateway

import (
	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// meaning is what the document says of a field, beside its kind.
type meaning struct {
	doc  string
	isID bool
	most int64 // of a number; 0 is not said
}

// meanings of fields that have the same name everywhere. The types of the
// protocol cannot say so themselves: they know nothing of documents.
var meanings = map[string]meaning{
	"saga_id":          {doc: "Names a saga.", isID: true},
	"definition":       {doc: "The kind of saga, such as checkout."},
	"definition_hash":  {doc: "The version of the definition."},
	"user_id":          {doc: "Who buys.", isID: true},
	"sku":              {doc: "The goods.", isID: true},
	"quantity":         {doc: "Pieces, from 1.", most: protocol.MaxQuantity},
	"items":            {doc: "1 to 100 lines, one for each sku."},
	"shipping_address": {doc: "Where to, in up to 512 bytes."},
	"msg_id":           {doc: "A number or a text that comes back as in_reply_to."},
	"in_reply_to":      {doc: "The msg_id of the request."},
	"wait_ms":          {doc: "How long to wait for the end, in milliseconds.", most: protocol.MaxWaitMS},
	"warnings":         {doc: "Unknown fields that were ignored."},
	"order_id":         {doc: "The order of a completed checkout."},
	"reason":           {doc: "Why, in words."},
	"by":               {doc: "Who says so."},
	"kill":             {doc: "End it where it stands; nothing is undone."},
	"as":               {doc: "done, or skip."},
	"evidence":         {doc: "What proves that it is done, such as the number of a bank transfer."},
	"fields":           {doc: "What the answer of the service would have brought."},
	"act":              {doc: "cancel, kill, deadline, retry or migrate."},
	"hash":             {doc: "The version of a definition."},
	"older_than_ms":    {doc: "Unchanged for longer than this, in milliseconds.", most: protocol.MaxOlderThanMS},
	"limit":            {doc: "At most so many; 100 unless told.", most: protocol.MaxListLimit},
	"total":            {doc: "All that match, listed or not."},
	"started_at":       {doc: "RFC 3339, UTC."},
	"updated_at":       {doc: "RFC 3339, UTC."},
	"revision":         {doc: "Counts up with every change; it is the ETag."},
	"waiting_for":      {doc: "What the saga waits for, in words."},
	"next_attempt_at":  {doc: "When something happens by itself, if nothing does before."},
	"deadline":         {doc: "When the saga gives up and turns back."},
	"at_risk":          {doc: "Money that is taken and not given back, or may be."},
	"actions":          {doc: "What an operator may do."},
	"effect":           {doc: "taken, duplicate, reversing or ignored."},
}

// idPattern is what an identifier looks like.
const idPattern = "^[A-Za-z0-9_-]{1,64}$"

// finish explains fields, and takes out what is not for this door: huma's own
// errors, lists that may be null, and the saga_id that the path has already.
func finish(schemas map[string]*huma.Schema) {
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		for field, property := range schema.Properties {
			property.Nullable = false
			explain(property, meanings[field])
		}
		switch name {
		case "CancelRequest", "RetryRequest", "ResolveRequest", "MigrateRequest":
			schema.Required = without(schema.Required, "saga_id")
			schema.Properties["saga_id"].Description = "That of the path, or absent."
		}
	}
}

func explain(property *huma.Schema, m meaning) {
	if property.Ref != "" {
		return
	}
	if property.Description == "" {
		property.Description = m.doc
	}
	if m.isID {
		property.Pattern = idPattern
	}
	if m.most > 0 {
		most := float64(m.most)
		property.Maximum = &most
	}
}

func without(names []string, name string) (rest []string) {
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}
