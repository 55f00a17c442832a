// The Sigstore timestamp authority as its own server packages make it, without
// the metrics port that the published command opens on every interface.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/spf13/viper"

	// Its defaults.
	_ "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server/app"
	"github.com/sigstore/timestamp-authority/v2/pkg/server"
)

func main() {
	port := flag.Int("port", 0, "port on loopback")
	key := flag.String("key", "", "private key, PEM")
	chain := flag.String("chain", "", "its certificate and the authorities above it, PEM")
	flag.Parse()
	viper.Set("timestamp-signer", "file")
	viper.Set("file-signer-key-path", *key)
	viper.Set("certificate-chain-path", *chain)
	const patience = 30 * time.Second
	authority := server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, patience, patience)
	log.Fatal(authority.Serve())
}
