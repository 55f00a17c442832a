// A Trillian log server that keeps everything in memory: the RPC services, the
// sequencer and, for logs that cannot make a tree themselves, one tree per
// wanted identifier. It writes the identifiers when it can be asked.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/client"
	"github.com/google/trillian/extension"
	trillianlog "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A signer waits until its entry is in the tree, so this is the floor of how
// long it takes to sign.
const sequenceEvery = 20 * time.Millisecond

func main() {
	listen := flag.String("listen", "", "address of the RPC services")
	trees := flag.Int("trees", 0, "how many trees to make")
	identifiers := flag.String("identifiers", "", "file for their identifiers, one a line")
	flag.Parse()
	if err := run(*listen, *trees, *identifiers); err != nil {
		log.Fatal(err)
	}
}

func run(listen string, trees int, identifiers string) error {
	ctx := context.Background()
	storage := memory.NewTreeStorage()
	metrics := monitoring.InertMetricFactory{}
	registry := extension.Registry{
		AdminStorage:  memory.NewAdminStorage(storage),
		LogStorage:    memory.NewLogStorage(storage, metrics),
		QuotaManager:  quota.Noop(),
		MetricFactory: metrics,
	}
	services := grpc.NewServer(grpc.UnaryInterceptor(interceptor.ErrorWrapper))
	trillian.RegisterTrillianAdminServer(services, admin.New(registry, nil))
	trillian.RegisterTrillianLogServer(services, server.NewTrillianLogRPCServer(registry, clock.System))
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- services.Serve(listener) }()

	sequencer := trillianlog.NewOperationManager(trillianlog.OperationInfo{
		Registry:    registry,
		BatchSize:   100,
		NumWorkers:  1,
		RunInterval: sequenceEvery,
		TimeSource:  clock.System,
	}, trillianlog.NewSequencerManager(registry, 0))
	go sequencer.OperationLoop(ctx)

	made, err := makeTrees(ctx, listener.Addr().String(), trees)
	if err != nil {
		return err
	}
	// Renamed into place, so that a reader never sees half of it.
	if err := os.WriteFile(identifiers+".part", []byte(made), 0o600); err != nil {
		return err
	}
	if err := os.Rename(identifiers+".part", identifiers); err != nil {
		return err
	}
	return <-ended
}

func makeTrees(ctx context.Context, address string, count int) (string, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	var made strings.Builder
	for range count {
		tree, err := client.CreateAndInitTree(ctx, &trillian.CreateTreeRequest{Tree: &trillian.Tree{
			TreeState:       trillian.TreeState_ACTIVE,
			TreeType:        trillian.TreeType_LOG,
			MaxRootDuration: durationpb.New(time.Hour),
		}}, trillian.NewTrillianAdminClient(connection), trillian.NewTrillianLogClient(connection))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&made, tree.TreeId)
	}
	return made.String(), nil
}
