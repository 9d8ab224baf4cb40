package protocol

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// kind is what JSON a Go type takes.
type kind uint8

const (
	kindAny kind = iota // not looked into: json.RawMessage and types that decode themselves
	kindText
	kindBool
	kindInteger
	kindNumber
	kindList
	kindObject
)

// shape is what the scanner must know of a Go type: the kinds of JSON it takes
// and the names of its fields. Shapes are made once per type and never change.
type shape struct {
	kind     kind
	unsigned bool    // of an integer
	bits     int     // of an integer
	elem     *shape  // of a list
	fields   []field // of an object
}

// field is one known field of an object.
type field struct {
	name  string
	hash  uint32 // foldedHash of the name
	shape *shape
}

// openShape takes any JSON value.
var openShape = &shape{kind: kindAny}

// shapes caches reflect.Type → *shape.
var shapes sync.Map

var (
	decimalType     = reflect.TypeFor[Decimal]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// shapeOf returns the shape of what into points to.
func shapeOf(into any) *shape {
	t := reflect.TypeOf(into)
	if t == nil {
		return openShape
	}
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	made, _ := shapes.LoadOrStore(t, newShape(t, make(map[reflect.Type]*shape)))
	return made.(*shape)
}

// newShape reflects on t. The map holds the structs that are being made, so
// that a type may contain itself.
func newShape(t reflect.Type, structs map[reflect.Type]*shape) *shape {
	switch {
	case t.Kind() == reflect.Pointer:
		return newShape(t.Elem(), structs)
	case t == decimalType:
		return &shape{kind: kindNumber}
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return openShape
	}
	switch t.Kind() {
	case reflect.String:
		return &shape{kind: kindText}
	case reflect.Bool:
		return &shape{kind: kindBool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &shape{kind: kindInteger, bits: t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &shape{kind: kindInteger, bits: t.Bits(), unsigned: true}
	case reflect.Slice:
		return &shape{kind: kindList, elem: newShape(t.Elem(), structs)}
	case reflect.Struct:
		return structShape(t, structs)
	default:
		return openShape
	}
}

func structShape(t reflect.Type, structs map[reflect.Type]*shape) *shape {
	if begun, ok := structs[t]; ok {
		return begun
	}
	s := &shape{kind: kindObject}
	structs[t] = s
	s.addFields(t, structs)
	return s
}

// addFields lists the fields that encoding/json would fill: the struct's own
// ones first, so that find prefers them to those of embedded structs.
func (s *shape) addFields(t reflect.Type, structs map[reflect.Type]*shape) {
	var embedded []reflect.Type
	for f := range t.Fields() {
		name, hidden := jsonName(f)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			embedded = append(embedded, f.Type)
		case !hidden && f.IsExported():
			made := field{name: name, hash: foldedHash([]byte(name)), shape: newShape(f.Type, structs)}
			s.fields = append(s.fields, made)
		}
	}
	for _, e := range embedded {
		s.addFields(e, structs)
	}
}

// jsonName is the name of a field in JSON. It is empty for an embedded struct
// whose fields count as those of the struct around it.
func jsonName(f reflect.StructField) (name string, hidden bool) {
	tag := f.Tag.Get("json")
	name, _, _ = strings.Cut(tag, ",")
	if name == "" && !f.Anonymous {
		name = f.Name
	}
	return name, tag == "-"
}

// find returns the first field of exactly this name, or nil.
func (s *shape) find(name []byte, hash uint32) *field {
	for i := range s.fields {
		if s.fields[i].hash == hash && s.fields[i].name == string(name) {
			return &s.fields[i]
		}
	}
	return nil
}

// resembles tells whether encoding/json would take the name for one of the
// fields, since it does not mind case.
func (s *shape) resembles(name []byte, hash uint32) bool {
	for i := range s.fields {
		if s.fields[i].hash == hash && strings.EqualFold(s.fields[i].name, string(name)) {
			return true
		}
	}
	return false
}
