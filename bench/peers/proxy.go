// SPDX-License-Identifier: Apache-2.0

// Go's own reverse proxy, set up as a gateway would: keep-alive, flushed at once, TLS verified and
// resumed.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

// proxy LISTEN UPSTREAM CA-FILE
func main() {
	up, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	proxy := httputil.NewSingleHostReverseProxy(up)
	direct := proxy.Director
	proxy.Director = func(r *http.Request) {
		direct(r)
		r.Header.Set("Authorization", "Bearer bench")
	}
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{
		MaxIdleConnsPerHost: 512,
		DisableCompression:  true,
		TLSClientConfig: &tls.Config{
			RootCAs:            roots,
			ClientSessionCache: tls.NewLRUClientSessionCache(512),
		},
	}
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
