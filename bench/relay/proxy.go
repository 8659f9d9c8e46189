// SPDX-License-Identifier: Apache-2.0

// Go's own reverse proxy, set up as a gateway would: keep-alive, flushed at once.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	up, err := url.Parse("http://127.0.0.1:19000")
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(up)
	direct := proxy.Director
	proxy.Director = func(r *http.Request) {
		direct(r)
		r.Header.Set("Authorization", "Bearer bench")
	}
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	log.Fatal(http.ListenAndServe("127.0.0.1:19003", proxy))
}
