package amends_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestMain lets this binary play the nats command, for machines without it.
func TestMain(m *testing.M) {
	if os.Getenv("AMENDS_DOCS_NATS") != "" {
		os.Exit(playNATS(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// natsFolder is the folder of the nats command: the real one, or one in which
// this binary plays it.
func natsFolder(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath(cmp.Or(os.Getenv("NATS_CLI"), "nats"))
	if err == nil {
		path, err = filepath.Abs(path)
		must(t, err)
		return filepath.Dir(path)
	}
	self, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nAMENDS_DOCS_NATS=1 exec '%s' \"$@\"\n", self)
	must(t, os.WriteFile(filepath.Join(dir, "nats"), []byte(script), 0o700))
	return dir
}

// playNATS is the part of the nats command that the documents use.
func playNATS(args []string) int {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err == nil {
		defer nc.Close()
		arg := func(n int) string { return append(args, make([]string, 8)...)[n] }
		switch arg(0) + " " + arg(1) {
		case "kv get", "kv put", "kv del":
			err = playBucket(nc, arg(1), arg(2), arg(3), arg(4))
		case "micro ls":
			err = playServices(nc)
		case "reply " + arg(1):
			err = playReply(nc, arg(1), arg(3), arg(5))
		case "sub " + arg(1):
			err = playSub(nc, arg(1), arg(3))
		case "req " + arg(1):
			var m *nats.Msg
			if m, err = nc.Request(arg(1), []byte(arg(2)), 5*time.Second); err == nil {
				fmt.Printf("%s\n", m.Data)
			}
		default:
			err = fmt.Errorf("this stand-in does not know %q", args)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats: error:", err)
		return 1
	}
	return 0
}

// playBucket is nats kv get|put|del BUCKET KEY [VALUE].
func playBucket(nc *nats.Conn, verb, bucket, key, value string) error {
	ctx := context.Background()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return err
	}
	switch verb {
	case "put":
		_, err = kv.PutString(ctx, key, value)
		return err
	case "del":
		return kv.Delete(ctx, key)
	}
	entry, err := kv.Get(ctx, key)
	if err == nil {
		fmt.Printf("%s", entry.Value())
	}
	return err
}

// playSub is nats sub SUBJECT --queue GROUP.
func playSub(nc *nats.Conn, subject, group string) error {
	_, err := nc.QueueSubscribe(subject, group, func(m *nats.Msg) { fmt.Printf("%s\n%s\n", m.Subject, m.Data) })
	if err != nil {
		return err
	}
	fmt.Println("-- Subscribing on", subject)
	select {}
}

func playServices(nc *nats.Conn) error {
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return err
	}
	if err := nc.PublishRequest("$SRV.INFO", sub.Subject, nil); err != nil {
		return err
	}
	for {
		m, err := sub.NextMsg(500 * time.Millisecond)
		if errors.Is(err, nats.ErrTimeout) {
			return nil
		}
		if err != nil {
			return err
		}
		var info struct{ Name, Version, ID, Description string }
		if err := json.Unmarshal(m.Data, &info); err != nil {
			return err
		}
		fmt.Printf("│ %s │ %s │ %s │ %s │\n", info.Name, info.Version, info.ID, info.Description)
	}
}

// playReply is nats reply SUBJECT --queue GROUP --command COMMAND.
func playReply(nc *nats.Conn, subject, group, command string) error {
	_, err := nc.QueueSubscribe(subject, group, func(m *nats.Msg) {
		cmd := exec.Command(command)
		cmd.Env = append(os.Environ(), "NATS_REQUEST_SUBJECT="+m.Subject, "NATS_REQUEST_BODY="+string(m.Data))
		out, err := cmd.CombinedOutput()
		if err = cmp.Or(err, m.Respond(out)); err != nil {
			fmt.Fprintln(os.Stderr, "answering:", err)
		}
	})
	if err != nil {
		return err
	}
	fmt.Printf("Listening on %q in group %q\n", subject, group)
	select {}
}
