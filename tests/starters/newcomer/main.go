// What an outsider may bring: it charges, then answers; the id is in the path. BROKEN tries again without a key.
package main

import (
	"net/http"
	"os"
	"strings"
	"time"
)

var partner = &http.Client{Timeout: 2 * time.Second}

func do(effect, id string) bool {
	call, _ := http.NewRequest("POST", os.Getenv("WORLD_URL")+"/"+effect, strings.NewReader(`{"work": "`+id+`"}`))
	call.Header.Set("Content-Type", "application/json")
	if _, broken := os.LookupEnv("BROKEN"); !broken {
		call.Header.Set("Idempotency-Key", id)
	}
	answer, err := partner.Do(call)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == 200
}

func main() {
	http.HandleFunc("POST /orders/{id}", func(answer http.ResponseWriter, request *http.Request) {
		if id := request.PathValue("id"); !do("charge", id) {
			answer.WriteHeader(http.StatusBadGateway)
		}
	})
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
}
