// Rekor v1 as its own server packages make it, without the metrics port that
// the published command opens on every interface, and without the search index,
// which would need a database.
package main

import (
	"flag"
	"log"

	"github.com/go-openapi/loads"
	"github.com/spf13/viper"

	// Its defaults, and every type of entry.
	_ "github.com/sigstore/rekor/cmd/rekor-server/app"
	"github.com/sigstore/rekor/pkg/api"
	"github.com/sigstore/rekor/pkg/generated/restapi"
	"github.com/sigstore/rekor/pkg/generated/restapi/operations"
	"github.com/sigstore/rekor/pkg/types"
)

func main() {
	port := flag.Int("port", 0, "port on loopback")
	hostname := flag.String("hostname", "", "name of the log, the origin of its checkpoints")
	signer := flag.String("signer", "", "private key of the log, PEM")
	trillianPort := flag.Int("trillian-port", 0, "port of Trillian on loopback")
	flag.Parse()
	viper.Set("rekor_server.hostname", *hostname)
	viper.Set("rekor_server.signer", *signer)
	viper.Set("trillian_log_server.address", "127.0.0.1")
	viper.Set("trillian_log_server.port", *trillianPort)
	viper.Set("enable_retrieve_api", false)
	viper.Set("enabled_api_endpoints", []string{
		"createLogEntry", "getLogEntryByIndex", "getLogEntryByUUID",
		"getLogInfo", "getLogProof", "getPublicKey", "searchLogQuery",
	})
	types.SetAllowedKindsForSubmission(types.ListSupportedKinds())

	document, err := loads.Embedded(restapi.SwaggerJSON, restapi.FlatSwaggerJSON)
	if err != nil {
		log.Fatal(err)
	}
	server := restapi.NewServer(operations.NewRekorServerAPI(document))
	server.Host = "127.0.0.1"
	server.Port = *port
	server.EnabledListeners = []string{"http"}
	// Zero makes a new tree.
	api.ConfigureAPI(0)
	server.ConfigureAPI()
	log.Fatal(server.Serve())
}
