package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// errNoDefinition says that the definition a saga began with is not known here:
// the saga waits for an orchestrator that knows it.
var errNoDefinition = errors.New("the definition that the saga began with is not known here")

// shelf holds every definition that any saga may have begun with, by name and
// hash: those that are loaded, and earlier versions from the bucket DEFINITIONS.
// A saga finishes on the definition it began with.
type shelf struct {
	bucket *store.Bucket

	mu    sync.RWMutex
	known map[string]*saga.Definition // by key
}

// openShelf keeps the loaded definitions for later versions of the program, and
// fetches what earlier ones have left.
func openShelf(ctx context.Context, bucket *store.Bucket, loaded map[string]*saga.Definition) (*shelf, error) {
	s := &shelf{bucket: bucket, known: make(map[string]*saga.Definition)}
	for name, def := range loaded {
		key := protocol.DefinitionKey(name, def.Hash())
		text, err := json.Marshal(def)
		if err != nil {
			return nil, fmt.Errorf("encoding definition %s: %w", name, err)
		}
		if _, err := bucket.Put(ctx, store.Write{Key: key, Value: text}); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, fmt.Errorf("keeping definition %s: %w", name, err)
		}
		s.known[key] = def
	}
	var broken error
	err := bucket.Scan(ctx, ">", false, func(f store.Followed) {
		if !f.Deleted {
			broken = errors.Join(broken, s.add(f.Key, f.Value))
		}
	})
	return s, errors.Join(err, broken)
}

func (s *shelf) add(key string, text []byte) error {
	var def saga.Definition
	if err := json.Unmarshal(text, &def); err != nil {
		return fmt.Errorf("decoding definition %s: %w", key, err)
	}
	if protocol.DefinitionKey(def.Name, def.Hash()) != key {
		return fmt.Errorf("definition %s was changed after it was stored", key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[key] = &def
	return nil
}

// find returns a definition that is in memory.
func (s *shelf) find(name, hash string) (*saga.Definition, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if def := s.known[protocol.DefinitionKey(name, hash)]; def != nil {
		return def, nil
	}
	return nil, errNoDefinition
}

// fetch looks a definition up that another orchestrator may have stored since.
func (s *shelf) fetch(ctx context.Context, name, hash string) (*saga.Definition, error) {
	if def, err := s.find(name, hash); err == nil {
		return def, nil
	}
	key := protocol.DefinitionKey(name, hash)
	entry, err := s.bucket.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoDefinition
	}
	if err == nil {
		err = s.add(key, entry.Value)
	}
	if err != nil {
		return nil, err
	}
	return s.find(name, hash)
}
