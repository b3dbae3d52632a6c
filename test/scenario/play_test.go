package scenario

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func account(namespace string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: namespace}}
}

func TestANamespaceOfSomebodyElsesIsLeftAlone(t *testing.T) {
	client := fake.NewClientset(namespace("payments", nil), account("payments"))
	p, s := &Player{client: client}, Scenario{Name: "crash", Namespace: "payments"}
	if err := p.Begin(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no scenario made") {
		t.Errorf("Begin: %v; want a refusal", err)
	}
	if err := p.End(t.Context(), s); err != nil {
		t.Error(err)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "payments", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody's namespace is gone: %v", err)
	}
}

func TestANamespaceOfAScenarioIsMadeUsedAgainAndRemoved(t *testing.T) {
	client := fake.NewClientset(account("payments"))
	p, s := &Player{client: client}, Scenario{Name: "crash", Namespace: "payments"}
	for range 2 { // the first play was killed
		if err := p.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := p.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "payments", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace is left: %v", err)
	}
}

func TestAPlayWaitsForTheEndOfTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ending := namespace("payments", map[string]string{made: "crash"})
		ending.DeletionTimestamp, ending.Finalizers = &metav1.Time{Time: time.Now()}, []string{"kubernetes"}
		client := fake.NewClientset(ending, account("payments"))
		p, s := &Player{client: client}, Scenario{Name: "crash", Namespace: "payments"}
		go func() {
			time.Sleep(5 * time.Second)
			if err := client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("namespaces"), "", "payments"); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		if err := p.Begin(t.Context(), s); err != nil || time.Since(began) < 5*time.Second {
			t.Errorf("Begin after %s: %v", time.Since(began), err)
		}
	})
}
