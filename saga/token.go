package saga

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Token is what a worker has to know to send the result of a step later: it
// proves that the orchestrator gave out the address (D21). It is made from a
// secret of the saga, so that every owner makes the same.
func (s *Start) Token(step int) string {
	sum := sha256.Sum256([]byte(s.Secret + "." + strconv.Itoa(step)))
	return hex.EncodeToString(sum[:16])
}

// Address is the subject on which the result of a step is awaited.
func (s *Start) Address(step int) string {
	return s.Callbacks + "." + strconv.Itoa(step) + "." + s.Token(step)
}
