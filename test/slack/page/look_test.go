package page_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/test/axe"
)

// place is a state of the page that a person may be in.
type place struct {
	name, address, wait string
	modal               bool
}

var places = []place{
	{"thread", "/?user=U0ANA#/c/C0INC/t/1731590460.000400", ".thread-pane .file-preview", false},
	{"home", "/?user=U0ANA#/home", ".home .block-header", false},
	{"kit", "/?user=U0ANA#/c/C0KIT", ".file-preview", false},
	{"modal", "/?user=U0ANA#/c/C0INC", ".modal", true},
}

func (w window) name() string {
	switch w {
	case phone:
		return "phone"
	case night:
		return "dark"
	default:
		return "desk"
	}
}

func openPlace(t *testing.T, at place, w window) *tab {
	t.Helper()
	f := newFake(t)
	if at.modal {
		f.views = []object{f.Modal}
	}
	p := openOn(t, f, at.address, w)
	p.wait(at.wait)
	p.screenshot(at.name + "-" + w.name())
	return p
}

// TestAccessibility runs axe-core over every place in every dress. Serious and critical violations fail.
func TestAccessibility(t *testing.T) {
	source := axe.Source(t, "package-lock.json")
	for _, w := range []window{desk, night, phone} {
		for _, at := range places {
			t.Run(at.name+" "+w.name(), func(t *testing.T) {
				p := openPlace(t, at, w)
				eval[bool](p, source+"; true")
				found := eval[[]string](p, axe.Run("serious", "critical"))
				for _, violation := range found {
					t.Error(violation)
				}
			})
		}
	}
}

func TestPhoneWidthNeedsNoSidewaysScroll(t *testing.T) {
	for _, at := range append(places, place{"rail", "/?user=U0ANA", ".rail .rail-link", false}) {
		t.Run(at.name, func(t *testing.T) {
			p := openPlace(t, at, phone)
			wide := eval[[]string](p, `[document.documentElement, ...document.querySelectorAll(".messages, .home-scroll, .modal, .modal-body, .rail-scroll, .pane-head")]
				.filter((element) => element.getClientRects().length > 0 && element.scrollWidth > element.clientWidth)
				.map((element) => element.className + ": " + element.scrollWidth + " in " + element.clientWidth)`)
			if len(wide) > 0 {
				t.Errorf("wider than the phone: %v", wide)
			}
		})
	}
}

func TestOnePaneAtATimeOnAPhone(t *testing.T) {
	p := open(t, "/?user=U0ANA", phone)
	visible := func() string {
		return eval[string](p, `[...document.querySelectorAll(".rail, main, .thread-pane")].filter((pane) => pane.getClientRects().length > 0).map((pane) => pane.className).join(" + ")`)
	}
	if got := visible(); got != "rail" {
		t.Fatalf("at first %q is seen", got)
	}
	p.click(`.rail-link[href="#/c/C0INC"]`)
	p.wait(".thread-link")
	if got := visible(); got != "pane channel-pane" {
		t.Errorf("in a channel %q is seen", got)
	}
	p.click(".thread-link")
	p.wait(".thread-pane .message")
	if got := visible(); got != "pane thread-pane" {
		t.Errorf("in a thread %q is seen", got)
	}
	p.click(".thread-pane .close")
	p.click(`.channel-pane a[aria-label="Back to the list of channels"]`)
	p.wait(".rail")
	if got := visible(); got != "rail" {
		t.Errorf("after going back %q is seen", got)
	}
}

func TestDarkColours(t *testing.T) {
	ground := `getComputedStyle(document.body).backgroundColor`
	p := open(t, "/?user=U0ANA#/c/C0INC", night)
	dark := eval[string](p, ground)
	if dark != "rgb(23, 25, 29)" {
		t.Errorf("a system that prefers dark gets %s", dark)
	}
	p.click(`button[aria-label="Use light colours"]`)
	p.until(ground + ` === "rgb(255, 255, 255)"`)
	eval[bool](p, `location.reload(), true`)
	p.wait(`button[aria-label="Use dark colours"]`)
	if got := eval[string](p, ground); got != "rgb(255, 255, 255)" {
		t.Errorf("the choice is forgotten: %s", got)
	}
}
