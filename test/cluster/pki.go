package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// A pki is the cluster's certificate authority, made anew at each start and kept in one folder.
type pki struct {
	dir   string
	key   crypto.Signer
	cert  *x509.Certificate
	ca    []byte // PEM
	token string // the administrator's
}

const certLife = 7 * 24 * time.Hour

func newPKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "autopilot-test-ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	p := &pki{dir: dir, key: key, cert: cert, ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	secret := make([]byte, 16)
	rand.Read(secret)
	p.token = hex.EncodeToString(secret)
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), p.ca, 0o644); err != nil {
		return nil, err
	}
	row := fmt.Sprintf("%s,admin,admin,system:masters\n", p.token)
	if err := os.WriteFile(filepath.Join(dir, "tokens.csv"), []byte(row), 0o600); err != nil {
		return nil, err
	}
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := encodeKey(account)
	if err != nil {
		return nil, err
	}
	return p, os.WriteFile(filepath.Join(dir, "service-account.key"), private, 0o600)
}

// issue writes <file>.crt and <file>.key for a user, who may be a server under the given hosts too.
func (p *pki) issue(file, user, group string, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: user},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: p.cert.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if group != "" {
		template.Subject.Organization = []string{group}
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.cert, key.Public(), p.key)
	if err != nil {
		return err
	}
	private, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, file+".key"), private, 0o600); err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(filepath.Join(p.dir, file+".crt"), public, 0o644)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// userKubeconfig issues a certificate to a user and writes a kubeconfig that holds it.
func (p *pki) userKubeconfig(path, server, user, group string) error {
	file := filepath.Base(path)
	if err := p.issue(file, user, group); err != nil {
		return err
	}
	cert, err := os.ReadFile(filepath.Join(p.dir, file+".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(p.dir, file+".key"))
	if err != nil {
		return err
	}
	return writeKubeconfig(path, server, p.ca, &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key})
}

// writeKubeconfig writes a kubeconfig of one cluster and one user.
func writeKubeconfig(path, server string, ca []byte, auth *clientcmdapi.AuthInfo) error {
	conf := clientcmdapi.NewConfig()
	conf.Clusters["cluster"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	conf.AuthInfos["user"] = auth
	conf.Contexts["context"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "user"}
	conf.CurrentContext = "context"
	return clientcmd.WriteToFile(*conf, path)
}
