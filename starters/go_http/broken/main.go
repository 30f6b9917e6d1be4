// FLAW: each attempt has a key of its own, so the partner cannot know a repeat when he sees one. [P2]
// The key is there, and every single request looks right; it is made in the wrong place.
//
// The standard library alone. The inbox is a folder: one file an order, renamed when it is done.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const poll, partnerTimeout = 20 * time.Millisecond, 300 * time.Millisecond

var (
	data     = os.Getenv("DATA_DIR")
	inbox    = filepath.Join(data, "inbox")
	done     = filepath.Join(data, "done")
	payments = os.Getenv("PAYMENTS_URL")
	partner  = &http.Client{Timeout: partnerTimeout}
	writing  sync.Mutex
)

type order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

func main() {
	for _, folder := range []string{inbox, done} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			log.Fatal(err)
		}
	}
	go workForEver()
	http.HandleFunc("POST /orders", accept)
	http.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func accept(answer http.ResponseWriter, request *http.Request) {
	var wanted order
	if json.NewDecoder(request.Body).Decode(&wanted) != nil || wanted.ID == "" {
		answer.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := keep(wanted); err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteHeader(http.StatusAccepted)
}

// keep makes the order durable. A file appears whole or not at all: written beside the inbox, synced, then renamed.
func keep(wanted order) error {
	writing.Lock()
	defer writing.Unlock()
	name := url.PathEscape(wanted.ID) + ".json"
	if exists(filepath.Join(inbox, name)) || exists(filepath.Join(done, name)) {
		return nil // the caller has missed our answer
	}
	body, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	draft := filepath.Join(data, name)
	file, err := os.Create(draft)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err = file.Write(body); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = os.Rename(draft, filepath.Join(inbox, name)); err != nil {
		return err
	}
	return syncFolder(inbox)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// workForEver looks at the inbox from the start on, so that it finds what an earlier life has left.
func workForEver() {
	for {
		files, _ := filepath.Glob(filepath.Join(inbox, "*.json"))
		for _, file := range files {
			if err := charge(file); err != nil {
				log.Print(err) // still in the inbox; the next round tries again
				continue
			}
			if err := os.Rename(file, filepath.Join(done, filepath.Base(file))); err != nil {
				log.Print(err)
			}
		}
		time.Sleep(poll)
	}
}

// newKey is a random key, as many libraries make one for each request.
func newKey() string {
	key := make([]byte, 16)
	rand.Read(key)
	return hex.EncodeToString(key)
}

func charge(file string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	call, err := http.NewRequest(http.MethodPost, payments+"/charge", bytes.NewReader(body))
	if err != nil {
		return err
	}
	call.Header.Set("Content-Type", "application/json")
	call.Header.Set("Idempotency-Key", newKey())
	answer, err := partner.Do(call)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the partner answered %d", answer.StatusCode)
	}
	return nil
}
