// Fulcio as its own server packages make it, with a certificate authority from
// files, and without the metrics port that the published command opens on every
// interface.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/sigstore/fulcio/cmd/app"
	"github.com/sigstore/fulcio/pkg/ca/fileca"
	"github.com/sigstore/fulcio/pkg/config"
	fulciopb "github.com/sigstore/fulcio/pkg/generated/protobuf"
	legacypb "github.com/sigstore/fulcio/pkg/generated/protobuf/legacy"
	"github.com/sigstore/fulcio/pkg/server"
	"github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
)

func main() {
	listen := flag.String("listen", "", "address of the HTTP API")
	issuers := flag.String("config", "", "the identity providers, YAML")
	chain := flag.String("chain", "", "certificate of the authority and those above it, PEM")
	key := flag.String("key", "", "its private key, PKCS#8")
	ctLog := flag.String("ct-log", "", "URL of the certificate transparency log")
	ctLogKey := flag.String("ct-log-key", "", "public key of the log, PEM")
	flag.Parse()
	log.Fatal(run(*listen, *issuers, *chain, *key, *ctLog, *ctLogKey))
}

func run(listen, issuers, chain, key, ctLog, ctLogKey string) error {
	ctx := context.Background()
	settings, err := config.Load(issuers)
	if err != nil {
		return err
	}
	authority, err := fileca.NewFileCA(chain, key, "", false)
	if err != nil {
		return err
	}
	publicKey, err := os.ReadFile(ctLogKey)
	if err != nil {
		return err
	}
	transparency, err := ctclient.New(ctLog, http.DefaultClient, jsonclient.Options{PublicKey: string(publicKey)})
	if err != nil {
		return err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]v1.PublicKeyDetails{
		v1.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		v1.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		v1.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		v1.PublicKeyDetails_PKIX_ED25519,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
	})
	if err != nil {
		return err
	}
	// The HTTP API is a gateway before the RPC service, which gets any port.
	internal, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	service := grpc.NewServer(grpc.UnaryInterceptor(app.PassFulcioConfigThruContext(settings)))
	current := server.NewGRPCCAServer(transparency, authority, algorithms, server.NewIssuerPool(settings))
	fulciopb.RegisterCAServer(service, current)
	// cosign 2 speaks only the older API.
	legacypb.RegisterCAServer(service, server.NewLegacyGRPCCAServer(current))
	ended := make(chan error, 2)
	go func() { ended <- service.Serve(internal) }()

	gateway := runtime.NewServeMux(
		runtime.WithMetadata(bearerToken),
		runtime.WithForwardResponseOption(statusOfOlderAPI),
	)
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	endpoint := internal.Addr().String()
	if err := fulciopb.RegisterCAHandlerFromEndpoint(ctx, gateway, endpoint, options); err != nil {
		return err
	}
	if err := legacypb.RegisterCAHandlerFromEndpoint(ctx, gateway, endpoint, options); err != nil {
		return err
	}
	go func() { ended <- http.ListenAndServe(listen, gateway) }()
	return <-ended
}

// The older API takes the identity token from a header.
func bearerToken(_ context.Context, request *http.Request) metadata.MD {
	token, found := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !found {
		return nil
	}
	return metadata.Pairs(server.MetadataOIDCTokenKey, token)
}

// The older API answers 201, and its clients insist on it.
func statusOfOlderAPI(ctx context.Context, response http.ResponseWriter, _ proto.Message) error {
	sent, _ := runtime.ServerMetadataFromContext(ctx)
	if codes := sent.HeaderMD.Get(server.HTTPResponseCodeMetadataKey); len(codes) == 1 {
		code, err := strconv.Atoi(codes[0])
		if err != nil {
			return err
		}
		response.WriteHeader(code)
	}
	return nil
}
