// A second opinion: judges Sigstore bundles with sigstore-go. It reads one job
// a line on standard input and answers each with one line, in the same order,
// so that thousands of artifacts need one process.
package main

import (
	"bufio"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

type job struct {
	ID string `json:"id"`
	// Files.
	Bundle      string `json:"bundle"`
	TrustedRoot string `json:"trustedRoot"`
	// One of them: ALGORITHM:HEX, or a file.
	Digest   string `json:"digest"`
	Artifact string `json:"artifact"`
	// An identity with its issuer, or the file of a public key.
	Identity string `json:"identity"`
	Issuer   string `json:"issuer"`
	Key      string `json:"key"`
	// How many there must be; none of a kind is demanded where it is zero.
	Log        int `json:"log"`
	SCT        int `json:"sct"`
	Timestamps int `json:"timestamps"`
	// Timestamps of either kind: an authority's, or a log's integrated time.
	ObservedTimes int `json:"observedTimes"`
}

type answer struct {
	ID       string `json:"id"`
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	roots := map[string]*root.TrustedRoot{}
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var next job
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			log.Fatalf("not a job: %v", err)
		}
		given := answer{ID: next.ID, Accepted: true}
		if err := judge(next, roots); err != nil {
			given.Accepted, given.Reason = false, err.Error()
		}
		if err := output.Encode(given); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func judge(next job, roots map[string]*root.TrustedRoot) (err error) {
	// A panic is an answer too: whoever compares wants to know.
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	trusted, known := roots[next.TrustedRoot]
	if !known {
		if trusted, err = root.NewTrustedRootFromPath(next.TrustedRoot); err != nil {
			return fmt.Errorf("trusted root: %w", err)
		}
		roots[next.TrustedRoot] = trusted
	}
	signed, err := bundle.LoadJSONFromPath(next.Bundle)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	artifact, err := artifactOf(next)
	if err != nil {
		return err
	}
	material := root.TrustedMaterialCollection{trusted}
	var signer verify.PolicyOption
	if next.Key != "" {
		key, err := keyOf(next.Key)
		if err != nil {
			return err
		}
		material = append(material, key)
		signer = verify.WithKey()
	} else {
		// Without an identity this refuses, as it should.
		identity, err := verify.NewShortCertificateIdentity(next.Issuer, "", next.Identity, "")
		if err != nil {
			return err
		}
		signer = verify.WithCertificateIdentity(identity)
	}
	verifier, err := verify.NewVerifier(material, demands(next)...)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(signed, verify.NewPolicy(artifact, signer))
	return err
}

func demands(next job) []verify.VerifierOption {
	var all []verify.VerifierOption
	if next.Log > 0 {
		all = append(all, verify.WithTransparencyLog(next.Log))
	}
	if next.SCT > 0 {
		all = append(all, verify.WithSignedCertificateTimestamps(next.SCT))
	}
	if next.Timestamps > 0 {
		all = append(all, verify.WithSignedTimestamps(next.Timestamps))
	}
	if next.ObservedTimes > 0 {
		all = append(all, verify.WithObserverTimestamps(next.ObservedTimes))
	}
	if next.Timestamps == 0 && next.ObservedTimes == 0 {
		if next.Key != "" {
			all = append(all, verify.WithNoObserverTimestamps())
		} else {
			all = append(all, verify.WithCurrentTime())
		}
	}
	return all
}

func artifactOf(next job) (verify.ArtifactPolicyOption, error) {
	if next.Artifact != "" {
		file, err := os.ReadFile(next.Artifact)
		if err != nil {
			return nil, err
		}
		return verify.WithArtifact(strings.NewReader(string(file))), nil
	}
	algorithm, digits, found := strings.Cut(next.Digest, ":")
	if !found {
		return nil, errors.New("neither artifact nor digest")
	}
	digest, err := hex.DecodeString(digits)
	if err != nil {
		return nil, err
	}
	return verify.WithArtifactDigest(algorithm, digest), nil
}

// keyOf takes the key for whatever hint the bundle carries.
func keyOf(path string) (*root.TrustedPublicKeyMaterial, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	if err != nil {
		return nil, err
	}
	verifier, err := signature.LoadDefaultVerifier(key)
	if err != nil {
		if verifier, err = signature.LoadVerifier(key, crypto.SHA256); err != nil {
			return nil, err
		}
	}
	always := root.NewExpiringKey(verifier, time.Time{}, time.Time{})
	return root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return always, nil
	}), nil
}
