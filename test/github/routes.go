package github

const (
	refDoc    = "rest/git/refs#"
	treeDoc   = "rest/git/trees#"
	blobDoc   = "rest/git/blobs#"
	gitDoc    = "rest/git/commits#"
	commitDoc = "rest/commits/commits#"
	pullDoc   = "rest/pulls/pulls#"
	reviewDoc = "rest/pulls/reviews#"
	askDoc    = "rest/pulls/review-requests#"
	noteDoc   = "rest/issues/comments#"
	labelDoc  = "rest/issues/labels#"
	checkDoc  = "rest/checks/runs#"
	stateDoc  = "rest/commits/statuses#"
	fileDoc   = "rest/repos/contents#"
	branchDoc = "rest/branches/"
	appDoc    = "rest/apps/apps#"
)

// Permissions that several routes ask for.
const (
	readContents  = "contents:read"
	writeContents = "contents:write"
	readPulls     = "pull_requests:read"
	writePulls    = "pull_requests:write"
	readTalk      = "issues|pull_requests:read"
	writeTalk     = "issues|pull_requests:write"
	triage        = "issues|pull_requests:write:triage"
)

// routes is the reference of what there is: pattern, need, documentation, handler.
func routes() []route {
	const (
		repo = " /repos/{owner}/{name}"
		pull = repo + "/pulls/{number}"
		talk = repo + "/issues/{number}"
	)
	return []route{
		{"GET /rate_limit", "", rateDoc, (*call).showLimits, false},
		{"GET /user", "person", "rest/users/users#get-the-authenticated-user", (*call).showMe, false},
		{"GET /users/{login}", "", "rest/users/users#get-a-user", (*call).showUser, false},
		{"GET /orgs/{org}/teams/{slug}", "", "rest/teams/teams#get-a-team-by-name", (*call).showTeam, false},
		{"GET /search/issues", "", searchDoc, (*call).search, false},

		{"GET /app", "app", appDoc + "get-the-authenticated-app", (*call).showApp, false},
		{"GET /app/installations", "app", appDoc + "list-installations-for-the-authenticated-app", (*call).listInstallations, false},
		{"GET /app/installations/{id}", "app", appDoc + "get-an-installation-for-the-authenticated-app", (*call).showInstallation, false},
		{"POST /app/installations/{id}/access_tokens", "app", appDoc + "create-an-installation-access-token-for-an-app", (*call).makeToken, false},
		{"GET" + repo + "/installation", "app", appDoc + "get-a-repository-installation-for-the-authenticated-app", (*call).showRepoInstallation, false},
		{"GET /orgs/{owner}/installation", "app", appDoc + "get-an-organization-installation-for-the-authenticated-app", (*call).showOwnerInstallation, false},
		{"GET /users/{owner}/installation", "app", appDoc + "get-a-user-installation-for-the-authenticated-app", (*call).showOwnerInstallation, false},
		{"GET /installation/repositories", "", "rest/apps/installations#list-repositories-accessible-to-the-app-installation", (*call).listInstallationRepos, false},

		{"GET" + repo, "metadata:read", "rest/repos/repos#get-a-repository", (*call).showRepo, false},
		{"GET" + repo + "/collaborators/{login}/permission", "metadata:read:push", "rest/collaborators/collaborators#get-repository-permissions-for-a-user", (*call).showRole, false},
		{"GET" + repo + "/branches", readContents, branchDoc + "branches#list-branches", (*call).listBranches, false},
		{"GET" + repo + "/branches/{branch}", readContents, branchDoc + "branches#get-a-branch", (*call).showBranch, false},
		{"GET" + repo + "/branches/{branch}/protection", "administration:read", branchDoc + "branch-protection#get-branch-protection", (*call).showProtection, false},

		{"GET" + repo + "/git/ref/{ref...}", readContents, refDoc + "get-a-reference", (*call).showRef, false},
		{"GET" + repo + "/git/matching-refs/{ref...}", readContents, refDoc + "list-matching-references", (*call).matchingRefs, false},
		{"POST" + repo + "/git/refs", writeContents, refDoc + "create-a-reference", (*call).createRef, false},
		{"PATCH" + repo + "/git/refs/{ref...}", writeContents, refDoc + "update-a-reference", (*call).updateRef, false},
		{"DELETE" + repo + "/git/refs/{ref...}", writeContents, refDoc + "delete-a-reference", (*call).deleteRef, false},
		{"GET" + repo + "/git/trees/{sha...}", readContents, treeDoc + "get-a-tree", (*call).showTree, false},
		{"POST" + repo + "/git/trees", writeContents, treeDoc + "create-a-tree", (*call).createTree, false},
		{"GET" + repo + "/git/blobs/{sha}", readContents, blobDoc + "get-a-blob", (*call).showBlob, false},
		{"POST" + repo + "/git/blobs", writeContents, blobDoc + "create-a-blob", (*call).createBlob, false},
		{"GET" + repo + "/git/commits/{sha}", readContents, gitDoc + "get-a-commit-object", (*call).showGitCommit, false},
		{"POST" + repo + "/git/commits", writeContents, gitDoc + "create-a-commit", (*call).createCommit, false},

		{"GET" + repo + "/commits", readContents, commitDoc + "list-commits", (*call).listCommits, false},
		{"GET" + repo + "/commits/{ref}", readContents, commitDoc + "get-a-commit", (*call).showCommit, false},
		{"GET" + repo + "/commits/{ref}/pulls", readPulls, commitDoc + "list-pull-requests-associated-with-a-commit", (*call).listCommitPulls, false},
		{"GET" + repo + "/compare/{span...}", readContents, commitDoc + "compare-two-commits", (*call).compare, false},
		{"GET" + repo + "/contents/{path...}", readContents, fileDoc + "get-repository-content", (*call).showContent, false},
		{"PUT" + repo + "/contents/{path...}", writeContents, fileDoc + "create-or-update-file-contents", (*call).putContent, false},
		{"DELETE" + repo + "/contents/{path...}", writeContents, fileDoc + "delete-a-file", (*call).putContent, false},

		{"GET" + repo + "/commits/{ref}/status", "statuses:read", stateDoc + "get-the-combined-status-for-a-specific-reference", (*call).combined, false},
		{"GET" + repo + "/commits/{ref}/statuses", "statuses:read", stateDoc + "list-commit-statuses-for-a-reference", (*call).listStatuses, false},
		{"POST" + repo + "/statuses/{ref}", "statuses:write", stateDoc + "create-a-commit-status", (*call).createStatus, false},
		{"GET" + repo + "/commits/{ref}/check-runs", "checks:read", checkDoc + "list-check-runs-for-a-git-reference", (*call).listRuns, false},
		{"GET" + repo + "/commits/{ref}/check-suites", "checks:read", "rest/checks/suites#list-check-suites-for-a-git-reference", (*call).listSuites, false},
		{"POST" + repo + "/check-runs", "checks:write", checkDoc + "create-a-check-run", (*call).createRun, false},
		{"PATCH" + repo + "/check-runs/{id}", "checks:write", checkDoc + "update-a-check-run", (*call).updateRun, false},

		{"GET" + repo + "/pulls", readPulls, pullDoc + "list-pull-requests", (*call).listPulls, false},
		{"POST" + repo + "/pulls", writePulls, pullDoc + "create-a-pull-request", (*call).createPull, true},
		{"GET" + pull, readPulls, pullDoc + "get-a-pull-request", (*call).showPull, false},
		{"PATCH" + pull, writePulls, pullDoc + "update-a-pull-request", (*call).updatePull, false},
		{"GET" + pull + "/files", readPulls, pullDoc + "list-pull-requests-files", (*call).listPullFiles, false},
		{"GET" + pull + "/commits", readPulls, pullDoc + "list-commits-on-a-pull-request", (*call).listPullCommits, false},
		{"GET" + pull + "/merge", readPulls, pullDoc + "check-if-a-pull-request-has-been-merged", (*call).showMerged, false},
		{"PUT" + pull + "/merge", writeContents, pullDoc + "merge-a-pull-request", (*call).mergePull, false},
		{"PUT" + pull + "/update-branch", writePulls, pullDoc + "update-a-pull-request-branch", (*call).updateBranch, false},
		{"GET" + pull + "/requested_reviewers", readPulls, askDoc + "get-all-requested-reviewers-for-a-pull-request", (*call).listReviewers, false},
		{"POST" + pull + "/requested_reviewers", writePulls, askDoc + "request-reviewers-for-a-pull-request", (*call).requestReviewers, true},
		{"DELETE" + pull + "/requested_reviewers", writePulls, askDoc + "remove-requested-reviewers-from-a-pull-request", (*call).requestReviewers, false},
		{"GET" + pull + "/reviews", readPulls, reviewDoc + "list-reviews-for-a-pull-request", (*call).listReviews, false},
		{"POST" + pull + "/reviews", writePulls, reviewDoc + "create-a-review-for-a-pull-request", (*call).createReview, true},

		{"GET" + talk, readTalk, "rest/issues/issues#get-an-issue", (*call).showIssue, false},
		{"PATCH" + talk, triage, "rest/issues/issues#update-an-issue", (*call).updateIssue, false},
		{"GET" + talk + "/comments", readTalk, noteDoc + "list-issue-comments", (*call).listComments, false},
		{"POST" + talk + "/comments", writeTalk, noteDoc + "create-an-issue-comment", (*call).createComment, true},
		{"GET" + repo + "/issues/comments/{id}", readTalk, noteDoc + "get-an-issue-comment", (*call).showComment, false},
		{"PATCH" + repo + "/issues/comments/{id}", writeTalk, noteDoc + "update-an-issue-comment", (*call).updateComment, false},
		{"DELETE" + repo + "/issues/comments/{id}", writeTalk, noteDoc + "delete-an-issue-comment", (*call).deleteComment, false},
		{"GET" + talk + "/labels", readTalk, labelDoc + "list-labels-for-an-issue", (*call).listPullLabels, false},
		{"POST" + talk + "/labels", triage, labelDoc + "add-labels-to-an-issue", (*call).addLabels, false},
		{"PUT" + talk + "/labels", triage, labelDoc + "set-labels-for-an-issue", (*call).addLabels, false},
		{"DELETE" + talk + "/labels/{label}", triage, labelDoc + "remove-a-label-from-an-issue", (*call).removeLabel, false},
		{"GET" + repo + "/labels", readTalk, labelDoc + "list-labels-for-a-repository", (*call).listLabels, false},
		{"GET" + repo + "/labels/{label}", readTalk, labelDoc + "get-a-label", (*call).showLabel, false},
		{"POST" + repo + "/labels", "issues|pull_requests:write:push", labelDoc + "create-a-label", (*call).createLabel, false},
	}
}
