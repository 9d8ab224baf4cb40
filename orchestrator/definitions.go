package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
)

// errNoDefinition says that the definition a saga began with is not known here:
// the saga waits for an orchestrator that knows it.
var errNoDefinition = errors.New("the definition that the saga began with is not known here")

// shelf holds every definition that any saga may have begun with, by name and
// hash: those that are loaded, and earlier versions from the bucket DEFINITIONS.
// A saga finishes on the definition it began with.
type shelf struct {
	bucket *store.Bucket
	log    zerolog.Logger

	mu    sync.RWMutex
	known map[string]*saga.Definition // by key
	told  uint64                      // up to which revision the log says what cannot be read
}

// openShelf fetches what earlier versions of the program have left, and keeps the
// loaded definitions for later ones. One that somebody has deleted is brought
// back.
func openShelf(ctx context.Context, bucket *store.Bucket, loaded map[string]*saga.Definition, log zerolog.Logger) (*shelf, error) {
	s := &shelf{bucket: bucket, log: log, known: make(map[string]*saga.Definition)}
	marks, err := s.refresh(ctx)
	if err != nil {
		return nil, err
	}
	for name, def := range loaded {
		key := protocol.DefinitionKey(name, def.Hash())
		if err := s.keep(ctx, key, def, marks[key]); err != nil {
			return nil, fmt.Errorf("keeping definition %s: %w", name, err)
		}
	}
	return s, nil
}

// refresh takes in what the bucket holds now, and returns the marks that deletions
// have left there. What cannot be read, such as a definition of a later version of
// the program, is left out: only sagas that began with it have to wait.
func (s *shelf) refresh(ctx context.Context) (marks map[string]uint64, err error) {
	marks = make(map[string]uint64)
	err = s.bucket.Scan(ctx, ">", false, func(f store.Followed) {
		if f.Deleted {
			marks[f.Key] = f.Revision
			return
		}
		if broken := s.add(f.Key, f.Value); broken != nil && s.isNews(f.Revision) {
			s.log.Warn().Err(broken).Msg("leaving out a definition that cannot be read here; its sagas wait for an orchestrator that can")
		}
	})
	return marks, err
}

// isNews reports whether this value of the bucket has not been told of before.
func (s *shelf) isNews(revision uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := revision > s.told
	s.told = max(s.told, revision)
	return news
}

// keep stores a definition, unless it is there, or another orchestrator has been
// faster.
func (s *shelf) keep(ctx context.Context, key string, def *saga.Definition, mark uint64) error {
	if s.known[key] != nil {
		return nil
	}
	s.known[key] = def
	text, err := json.Marshal(def)
	if err != nil {
		return err
	}
	_, err = s.bucket.Put(ctx, store.Write{Key: key, Value: text, Revision: mark})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
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
	if err != nil {
		return nil, err
	}
	if err := s.add(key, entry.Value); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoDefinition, err)
	}
	return s.find(name, hash)
}

// handleDefinitions lists the versions of definitions that are known, also to
// orchestrators that were started later.
func (o *Orchestrator) handleDefinitions(r micro.Request) {
	var request protocol.DefinitionsRequest
	o.serveAside(r, &request, func(ctx context.Context) (any, error) {
		if _, err := o.records.definitions.refresh(ctx); err != nil {
			return nil, err
		}
		rows := o.records.definitions.list(request.Name, o.hashes)
		if request.Name != "" && len(rows) == 0 {
			return nil, &protocol.Error{Code: protocol.CodeDefinitionUnknown, Field: "name", Message: "is not the name of a definition here"}
		}
		return &protocol.Definitions{Type: protocol.TypeDefinitions, Definitions: rows}, nil
	})
}

// list describes the versions of one definition, or of all, by name; those with
// which new sagas begin come first.
func (s *shelf) list(name string, loaded map[string]string) []protocol.DefinitionSummary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rows := []protocol.DefinitionSummary{}
	for _, def := range s.known {
		if name != "" && name != def.Name {
			continue
		}
		hash := def.Hash()
		row := protocol.DefinitionSummary{Name: def.Name, Hash: hash, Loaded: loaded[def.Name] == hash}
		for i := range def.Steps {
			row.Steps = append(row.Steps, def.Steps[i].Name)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b protocol.DefinitionSummary) int {
		if a.Loaded != b.Loaded {
			if a.Loaded {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Hash, b.Hash))
	})
	return rows
}
