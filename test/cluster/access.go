package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// userNamespace is where the service accounts of UserKubeconfig live.
const userNamespace = "kube-system"

// UserKubeconfig makes a service account that may do what the rules say in the whole cluster, and nothing
// else, and returns the path of a kubeconfig with a token of its own for a day. Called again for a
// name, it replaces the rules.
func (c *Cluster) UserKubeconfig(ctx context.Context, name string, rules []rbacv1.PolicyRule) (string, error) {
	if err := c.ours(); err != nil {
		return "", err
	}
	path, err := c.userKubeconfig(ctx, name, rules)
	if err != nil {
		return "", fmt.Errorf("make user %s: %w", name, err)
	}
	return path, nil
}

func (c *Cluster) userKubeconfig(ctx context.Context, name string, rules []rbacv1.PolicyRule) (string, error) {
	meta := metav1.ObjectMeta{Name: name}
	accounts, rbac := c.client.CoreV1().ServiceAccounts(userNamespace), c.client.RbacV1()
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
	_, err := rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = rbac.ClusterRoles().Update(ctx, role, metav1.UpdateOptions{})
	}
	if err != nil {
		return "", err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: userNamespace, Name: name}},
	}
	if _, err := rbac.ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	day := int64((24 * time.Hour).Seconds())
	token, err := accounts.CreateToken(ctx, name, &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, "users", name+".kubeconfig")
	return path, writeKubeconfig(path, c.apiURL(), c.pki.ca, &clientcmdapi.AuthInfo{Token: token.Status.Token})
}

// NodeMetrics is the cadvisor page of a node, by way of the API server. It works in External mode too.
func (c *Cluster) NodeMetrics(ctx context.Context, node string) ([]byte, error) {
	return c.client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("metrics/cadvisor").DoRaw(ctx)
}
