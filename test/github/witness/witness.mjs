// A session on GitHub's own Node SDK. The Go test starts the stand-in; this does with it what an app does with GitHub, plays the
// people through the control API, and checks what it is told. It prints each step, and ends with an error at the first that is wrong.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createAppAuth } from "@octokit/auth-app";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit } from "@octokit/rest";
import { createNodeMiddleware, Webhooks } from "@octokit/webhooks";

const { API_URL: baseUrl, SERVER_URL: server, APP_ID: appId, APP_KEY: privateKey, PAT: pat, SKEWED: skewed } = process.env;
const at = { owner: "acme", repo: "shop" };
const log = { debug() {}, info() {}, warn() {}, error() {} };

const control = async (act, body = {}) => {
  const answer = await fetch(`${server}/_control/${act}`, body && { method: "POST", body: JSON.stringify(body) });
  const said = await answer.json();
  assert.ok(answer.ok, `${act}: ${said.error}`);
  return said;
};
const fault = (f) => control("faults", f);
const refused = async (promise, status, words) => {
  const error = await promise.then(() => assert.fail(`wanted ${status} ${words}`), (e) => e);
  assert.equal(error.status, status, error.message);
  assert.match(error.message, words);
  return error;
};

const app = new Octokit({ baseUrl, log, authStrategy: createAppAuth, auth: { appId, privateKey } });
const { data: installation } = await app.apps.getRepoInstallation(at);
const bot = new Octokit({ baseUrl, log, authStrategy: createAppAuth, auth: { appId, privateKey, installationId: installation.id } });
const ana = new Octokit({ baseUrl, log, auth: pat });

const commitTo = async (branch, content, base = "main") => {
  const { data: ref } = await bot.git.getRef({ ...at, ref: `heads/${base}` });
  const { data: tip } = await bot.git.getCommit({ ...at, commit_sha: ref.object.sha });
  const { data: blob } = await bot.git.createBlob({ ...at, content: Buffer.from(content).toString("base64"), encoding: "base64" });
  const tree = [{ path: "deploy/values.yaml", mode: "100644", type: "blob", sha: blob.sha }];
  const { data: made } = await bot.git.createTree({ ...at, base_tree: tip.tree.sha, tree });
  const { data: commit } = await bot.git.createCommit({ ...at, message: `change ${branch}`, tree: made.sha, parents: [tip.sha] });
  await bot.git.createRef({ ...at, ref: `refs/heads/${branch}`, sha: commit.sha });
  return commit;
};
const propose = (head, more = {}) => bot.pulls.create({ ...at, title: `Change ${head}`, head, base: "main", body: "<!-- marker -->", ...more });

const steps = {
  async "an app signs in, and its token reads"() {
    assert.equal((await app.apps.getAuthenticated()).data.slug, "autopilot");
    assert.equal((await app.apps.listInstallations()).data.length, 1);
    assert.equal((await app.apps.getInstallation({ installation_id: installation.id })).data.account.login, "acme");
    const { token, permissions, expiresAt } = await bot.auth({ type: "installation" });
    assert.match(token, /^ghs_/);
    assert.equal(permissions.contents, "write");
    assert.ok(new Date(expiresAt) > new Date());
    const { data: repo } = await bot.repos.get(at);
    assert.deepEqual([repo.full_name, repo.default_branch, repo.archived, repo.private, repo.permissions.push], ["acme/shop", "main", false, true, true]);
    assert.equal((await bot.apps.listReposAccessibleToInstallation()).data.total_count, 1);
    await refused(bot.users.getAuthenticated(), 403, /Resource not accessible by integration/);
    assert.equal((await ana.users.getAuthenticated()).data.login, "ana");
    assert.equal((await bot.users.getByUsername({ username: "ben" })).data.type, "User");
    assert.equal((await ana.repos.getCollaboratorPermissionLevel({ ...at, username: "ben" })).data.permission, "write");
    await bot.auth({ type: "installation", repositoryNames: ["shop"], permissions: { contents: "read" }, refresh: true });
  },

  async "who may not, is told so"() {
    await refused(new Octokit({ baseUrl, log }).repos.get(at), 404, /^Not Found/);
    await refused(new Octokit({ baseUrl, log, auth: "ghp_eve" }).repos.get(at), 404, /^Not Found/);
    await refused(new Octokit({ baseUrl, log, auth: "nonsense" }).repos.get(at), 401, /Bad credentials/);
    await refused(bot.repos.getBranchProtection({ ...at, branch: "main" }), 403, /Resource not accessible by integration/);
    await refused(ana.repos.getBranchProtection({ ...at, branch: "main" }), 404, /Branch not protected/);
    await refused(bot.checks.create({ ...at, name: "own", head_sha: "0".repeat(40) }), 403, /Resource not accessible by integration/);
    await control("permission", { app: "autopilot", owner: "acme", permission: "pull_requests", level: "read" });
    const error = await refused(propose("main"), 403, /Resource not accessible by integration/);
    assert.equal(error.response.headers["x-accepted-github-permissions"], "pull_requests=write");
    assert.match(error.response.data.documentation_url, /^https:\/\/docs\.github\.com\/rest\/pulls\/pulls#create-a-pull-request/);
    await control("permission", { app: "autopilot", owner: "acme", permission: "pull_requests", level: "write" });
  },

  async "trees, blobs, commits and refs"() {
    const { data: tree } = await bot.git.getTree({ ...at, tree_sha: "main", recursive: "1" });
    assert.deepEqual(tree.tree.map((e) => e.path), [".github", ".github/CODEOWNERS", "README.md", "deploy", "deploy/values.yaml"]);
    const values = tree.tree.at(-1);
    const { data: blob } = await bot.git.getBlob({ ...at, file_sha: values.sha });
    assert.equal(Buffer.from(blob.content, "base64").toString(), "replicas: 2\nmemory: 2Gi\n");
    const raw = await bot.git.getBlob({ ...at, file_sha: values.sha, mediaType: { format: "raw" } });
    assert.equal(Buffer.from(raw.data).toString(), "replicas: 2\nmemory: 2Gi\n");
    const commit = await commitTo("autopilot/web-1", "replicas: 2\nmemory: 1Gi\n");
    assert.equal(commit.author.name, "autopilot[bot]");
    assert.equal(commit.verification.verified, true);
    await refused(bot.git.createRef({ ...at, ref: "refs/heads/autopilot/web-1", sha: commit.sha }), 422, /Reference already exists/);
    await refused(bot.git.createRef({ ...at, ref: "refs/heads/none", sha: "1".repeat(40) }), 422, /Object does not exist/);
    await refused(bot.git.getRef({ ...at, ref: "heads/none" }), 404, /Not Found/);
    await refused(bot.git.updateRef({ ...at, ref: "heads/autopilot/web-1", sha: commit.parents[0].sha }), 422, /Update is not a fast forward/);
    const matching = await bot.git.listMatchingRefs({ ...at, ref: "heads/autopilot/" });
    assert.deepEqual(matching.data.map((r) => r.ref), ["refs/heads/autopilot/web-1"]);
    const { data: diff } = await bot.repos.compareCommitsWithBasehead({ ...at, basehead: "main...autopilot/web-1" });
    assert.deepEqual([diff.status, diff.ahead_by, diff.behind_by, diff.files[0].filename], ["ahead", 1, 0, "deploy/values.yaml"]);
    assert.match(diff.files[0].patch, /-memory: 2Gi\n\+memory: 1Gi/);
    const { data: whole } = await bot.repos.getCommit({ ...at, ref: "autopilot/web-1" });
    assert.deepEqual(whole.stats, { additions: 1, deletions: 1, total: 2 });
    const list = await bot.repos.listCommits({ ...at, sha: "autopilot/web-1", path: "deploy" });
    assert.equal(list.data.length, 2);
    const file = { ...at, sha: commit.sha, path: "deploy/values.yaml" };
    const history = await bot.paginate(bot.repos.listCommits, { ...file, per_page: 1 });
    assert.deepEqual(history.map((c) => c.sha), [commit.sha, commit.parents[0].sha]);
    assert.deepEqual(history[0].parents.map((p) => p.sha), [commit.parents[0].sha]);
    assert.deepEqual((await bot.repos.listCommits({ ...file, path: "nowhere.yaml" })).data, []);
    await refused(bot.repos.listCommits({ ...file, sha: "5".repeat(40) }), 404, /Not Found/);
    await refused(bot.git.createTree({ ...at, tree: [{ path: "../x", mode: "100644", content: "" }] }), 422, /malformed path/);
    await refused(bot.git.createTree({ ...at, base_tree: tree.sha, tree: [{ path: "none", mode: "100644", sha: null }] }), 422, /BadObjectState/);
    const gone = await bot.git.createTree({ ...at, base_tree: tree.sha, tree: [{ path: "README.md", mode: "100644", type: "blob", sha: null }] });
    assert.ok(!gone.data.tree.some((e) => e.path === "README.md"));
  },

  async "contents"() {
    const { data: file } = await ana.repos.getContent({ ...at, path: "deploy/values.yaml" });
    assert.equal(Buffer.from(file.content, "base64").toString(), "replicas: 2\nmemory: 2Gi\n");
    const put = { ...at, path: "docs/note.md", message: "note", content: Buffer.from("hello\n").toString("base64") };
    const { data: made } = await ana.repos.createOrUpdateFileContents(put);
    await refused(ana.repos.createOrUpdateFileContents(put), 422, /"sha" wasn't supplied/);
    await refused(ana.repos.createOrUpdateFileContents({ ...put, sha: "2".repeat(40) }), 409, /does not match/);
    await ana.repos.deleteFile({ ...at, path: put.path, message: "no note", sha: made.content.sha });
    await refused(ana.repos.getContent({ ...at, path: put.path }), 404, /Not Found/);
    const { data: list } = await ana.repos.getContent({ ...at, path: "" });
    assert.deepEqual(list.map((e) => e.type), ["dir", "file", "dir"]);
  },

  async "a pull request, from draft to merge"() {
    await refused(propose("nowhere"), 422, /Validation Failed.*"code":"invalid","field":"head"/);
    await refused(propose("main"), 422, /No commits between main and main/);
    await commitTo("less", "replicas: 2\nmemory: 1Gi\n");
    const { data: pull } = await propose("less");
    await refused(propose("less"), 422, /A pull request already exists for acme:less\./);
    const { data: found } = await bot.pulls.list({ ...at, head: "acme:less", state: "all" });
    assert.deepEqual(found.map((p) => p.number), [pull.number]);
    assert.equal(pull.mergeable, null);
    const n = { ...at, pull_number: pull.number }, talk = { ...at, issue_number: pull.number };
    assert.equal((await bot.pulls.get(n)).data.mergeable, null);
    assert.equal((await bot.pulls.get(n)).data.mergeable_state, "clean");
    assert.equal((await bot.pulls.listFiles(n)).data[0].status, "modified");
    assert.equal((await bot.pulls.listCommits(n)).data.length, 1);

    await bot.issues.addLabels({ ...talk, labels: ["autopilot", "savings"] });
    await bot.issues.removeLabel({ ...talk, name: "savings" });
    assert.deepEqual((await bot.issues.listLabelsOnIssue(talk)).data.map((l) => l.name), ["autopilot"]);
    await refused(bot.issues.createLabel({ ...at, name: "autopilot" }), 422, /already_exists/);
    await refused(bot.pulls.requestReviewers({ ...n, reviewers: ["eve"] }), 422, /Reviews may only be requested from collaborators/);
    await bot.pulls.requestReviewers({ ...n, reviewers: ["ben"], team_reviewers: ["platform"] });
    assert.deepEqual((await bot.pulls.listRequestedReviewers(n)).data.teams.map((x) => x.slug), ["platform"]);
    const { data: comment } = await bot.issues.createComment({ ...talk, body: "measured" });
    await bot.issues.updateComment({ ...at, comment_id: comment.id, body: "measured twice" });
    assert.deepEqual((await bot.issues.listComments(talk)).data.map((m) => m.body), ["measured twice"]);
    await bot.pulls.update({ ...n, title: "Less memory" });
    assert.equal((await bot.issues.get(talk)).data.title, "Less memory");
    const { data: hits } = await bot.search.issuesAndPullRequests({ q: 'repo:acme/shop is:pr is:open "marker" in:body' });
    assert.deepEqual(hits.items.map((i) => i.number), [pull.number]);
    await refused(bot.pulls.createReview({ ...n, event: "APPROVE" }), 422, /Can not approve your own pull request/);

    await control("protect", { repo: "acme/shop", branch: "main", protection: { reviews: 1, checks: ["ci"], enforceAdmins: true } });
    assert.equal((await ana.repos.getBranchProtection({ ...at, branch: "main" })).data.required_pull_request_reviews.required_approving_review_count, 1);
    assert.equal((await bot.repos.getBranch({ ...at, branch: "main" })).data.protected, true);
    await refused(bot.git.updateRef({ ...at, ref: "heads/main", sha: pull.head.sha }), 422, /Changes must be made through a pull request/);
    await refused(ana.pulls.merge(n), 405, /At least 1 approving review is required/);
    await control("review", { repo: "acme/shop", login: "ben", number: pull.number, event: "APPROVE" });
    assert.deepEqual((await bot.pulls.listReviews(n)).data.map((v) => v.state), ["APPROVED"]);
    await refused(ana.pulls.merge(n), 405, /Required status check "ci" is expected/);
    await control("check", { repo: "acme/shop", ref: "less", name: "ci", conclusion: "failure" });
    await refused(ana.pulls.merge(n), 405, /"ci" is failing/);
    await control("check", { repo: "acme/shop", ref: "less", name: "ci", conclusion: "success" });
    await control("status", { repo: "acme/shop", ref: "less", context: "plan", state: "success" });
    const { data: runs } = await bot.checks.listForRef({ ...at, ref: pull.head.sha });
    assert.deepEqual(runs.check_runs.map((r) => [r.name, r.conclusion, r.app.slug]), [["ci", "success", "github-actions"]]);
    assert.equal((await bot.checks.listSuitesForRef({ ...at, ref: "less" })).data.check_suites[0].conclusion, "success");
    assert.equal((await bot.repos.getCombinedStatusForRef({ ...at, ref: "less" })).data.state, "success");
    await refused(ana.pulls.merge({ ...n, sha: "3".repeat(40) }), 409, /Head branch was modified/);
    await refused(ana.pulls.checkIfMerged(n), 404, /Not Found/);
    const { data: merged } = await ana.pulls.merge({ ...n, merge_method: "squash" });
    await ana.pulls.checkIfMerged(n);
    const { data: brought } = await bot.repos.listPullRequestsAssociatedWithCommit({ ...at, commit_sha: merged.sha });
    assert.deepEqual(brought.map((p) => [p.number, Boolean(p.merged_at), p.base.ref]), [[pull.number, true, "main"]]);
    const { data: alone } = await bot.repos.listPullRequestsAssociatedWithCommit({ ...at, commit_sha: pull.base.sha });
    assert.deepEqual(alone, []);
    await refused(bot.repos.listPullRequestsAssociatedWithCommit({ ...at, commit_sha: "4".repeat(40) }), 422, /No commit found for SHA/);
    const { data: end } = await bot.pulls.get(n);
    assert.deepEqual([end.state, end.merged, end.merged_by.login, end.merge_commit_sha], ["closed", true, "ana", merged.sha]);
    await bot.git.deleteRef({ ...at, ref: "heads/less" });
    await control("protect", { repo: "acme/shop", branch: "main" });
  },

  async "a conflict, and a base that moved"() {
    await control("protect", { repo: "acme/shop", branch: "main", protection: { strict: true, checks: ["ci"] } });
    await commitTo("other", "replicas: 2\nmemory: 512Mi\n");
    const { data: pull } = await propose("other");
    const n = { ...at, pull_number: pull.number };
    await control("check", { repo: "acme/shop", ref: "other", name: "ci", conclusion: "success" });
    await bot.pulls.get(n);
    await control("push", { repo: "acme/shop", login: "ben", files: { "README.md": "# shop, moved\n" } });
    assert.equal((await bot.pulls.get(n)).data.mergeable_state, "unknown");
    assert.equal((await bot.pulls.get(n)).data.mergeable_state, "behind");
    const { status } = await bot.pulls.updateBranch(n);
    assert.equal(status, 202);
    await control("push", { repo: "acme/shop", login: "ben", files: { "deploy/values.yaml": "replicas: 9\nmemory: 9Gi\n" } });
    await bot.pulls.get(n);
    const { data: torn } = await bot.pulls.get(n);
    assert.deepEqual([torn.mergeable, torn.mergeable_state], [false, "dirty"]);
    await control("protect", { repo: "acme/shop", branch: "main" });
    await refused(ana.pulls.merge(n), 405, /not mergeable/);
    await bot.pulls.update({ ...n, state: "closed" });
    assert.equal((await bot.pulls.get(n)).data.merged, false);
    await bot.pulls.update({ ...n, state: "open" });
    await bot.git.deleteRef({ ...at, ref: "heads/other" });
    assert.equal((await bot.pulls.get(n)).data.state, "closed");
    await refused(bot.pulls.update({ ...n, state: "open" }), 422, /state cannot be changed/);
  },

  async "pages"() {
    for (const name of ["p1", "p2", "p3", "p4", "p5"]) {
      await commitTo(name, `replicas: 2\nname: ${name}\n`);
      await propose(name, { draft: true });
    }
    const all = await bot.paginate(bot.pulls.list, { ...at, state: "all", per_page: 2 });
    assert.deepEqual(all.map((p) => p.number), [7, 6, 5, 4, 3, 2, 1]);
    assert.ok(all[0].draft);
    await refused(ana.pulls.merge({ ...at, pull_number: 7 }), 405, /still a draft/);
    const first = await bot.pulls.list({ ...at, per_page: 2 });
    assert.match(first.headers.link, /<http:\/\/[^>]+\/api\/v3\/repos\/acme\/shop\/pulls\?page=2&per_page=2>; rel="next", .*page=3.*rel="last"/);
  },

  async "an archived repository is read only"() {
    await control("archive", { repo: "acme/shop", archived: true });
    assert.equal((await bot.repos.get(at)).data.archived, true);
    await refused(bot.git.createBlob({ ...at, content: "x" }), 403, /Repository was archived so is read-only/);
    await control("archive", { repo: "acme/shop", archived: false });
  },

  async "what did not change costs nothing"() {
    const first = await bot.git.getRef({ ...at, ref: "heads/main" });
    const before = (await bot.rateLimit.get()).data.rate;
    const again = bot.request("GET /repos/{owner}/{repo}/git/ref/{ref}", { ...at, ref: "heads/main", headers: { "if-none-match": first.headers.etag } });
    await again.then(() => assert.fail("wanted 304"), (e) => assert.equal(e.status, 304));
    const after = (await bot.rateLimit.get()).data.rate;
    assert.equal(after.remaining, before.remaining);
    assert.equal(Number(first.headers["x-ratelimit-limit"]), after.limit);
  },

  async "retries, and waits where it is told to"() {
    const Patient = Octokit.plugin(retry, throttling);
    const seen = [];
    const patient = new Patient({
      baseUrl, log, auth: pat, retry: { retryAfterBaseValue: 10 },
      throttle: {
        fallbackSecondaryRateRetryAfter: 1,
        onRateLimit: (after, options) => { seen.push(["primary", options.url]); return false; },
        onSecondaryRateLimit: (after, options) => { seen.push(["secondary", after]); return true; },
      },
    });
    await fault({ method: "GET", path: "/repos/acme/shop", kind: "status", status: 502, count: 2 });
    assert.equal((await patient.repos.get(at)).data.name, "shop");
    await fault({ method: "GET", path: "/repos/acme/shop", kind: "unicorn", count: 1 });
    assert.equal((await patient.repos.get(at)).data.name, "shop");
    await fault({ path: "*/git/blobs", kind: "secondary", delay: 1e9, count: 1 });
    await patient.git.createBlob({ ...at, content: "x" });
    assert.deepEqual(seen, [["secondary", 1]]);
    await fault({ kind: "primary", count: 1 });
    const error = await refused(patient.repos.get(at), 403, /API rate limit exceeded for user ID/);
    assert.equal(error.response.headers["x-ratelimit-remaining"], "0");
    assert.equal(seen[1][0], "primary");
    await refused(ana.repos.get(at), 403, /API rate limit exceeded/);
    assert.equal((await bot.repos.get(at)).status, 200);
    await fault({ method: "POST", path: "*/git/refs", kind: "drop_after", count: 1 });
    const { data: ref } = await bot.git.getRef({ ...at, ref: "heads/main" });
    const make = { ...at, ref: "refs/heads/twice", sha: ref.object.sha };
    await bot.git.createRef(make).then(() => assert.fail("the answer was to be lost"), (e) => assert.equal(e.status, 500));
    await refused(bot.git.createRef(make), 422, /Reference already exists/);
  },

  async "a token that has ended is made anew"() {
    await control("expire", {});
    await refused(bot.repos.get(at), 401, /Bad credentials|the response remains 401/);
    const { token } = await bot.auth({ type: "installation", refresh: true });
    assert.match(token, /^ghs_/);
    assert.equal((await bot.repos.get(at)).status, 200);
  },

  async "signed hooks"() {
    const hooks = new Webhooks({ secret: "hush", log });
    const told = [];
    hooks.onAny(({ id, name, payload }) => { told.push([name, payload.action ?? "", id, payload]); });
    const listener = createServer(createNodeMiddleware(hooks, { path: "/hook", log }));
    await new Promise((done) => listener.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${listener.address().port}/hook`;
    await control("hooks", { url, secret: "hush", app: "autopilot" });
    await control("hooks", { url, secret: "wrong", events: ["pull_request"] });
    const until = async (name, action) => {
      for (let n = 0; n < 300; n++) {
        const at = told.findIndex((e) => e[0] === name && e[1] === action);
        if (at >= 0) return told.splice(at, 1)[0];
        await new Promise((done) => setTimeout(done, 20));
      }
      assert.fail(`no ${name} ${action}`);
    };
    await control("push", { repo: "acme/shop", login: "ben", branch: "hooked", files: { "deploy/values.yaml": "replicas: 3\n" } });
    const [, , , push] = await until("push", "");
    assert.deepEqual([push.ref, push.created, push.head_commit.modified], ["refs/heads/hooked", true, ["deploy/values.yaml"]]);
    assert.equal(push.installation.id, installation.id);
    const { data: pull } = await propose("hooked");
    const [, , id, opened] = await until("pull_request", "opened");
    assert.deepEqual([opened.pull_request.number, opened.sender.login], [pull.number, "autopilot[bot]"]);
    await bot.issues.addLabels({ ...at, issue_number: pull.number, labels: ["autopilot"] });
    assert.equal((await until("pull_request", "labeled"))[3].label.name, "autopilot");
    await control("push", { repo: "acme/shop", login: "ben", branch: "hooked", files: { "deploy/values.yaml": "replicas: 4\n" } });
    assert.notEqual((await until("pull_request", "synchronize"))[3].before, undefined);
    await control("check", { repo: "acme/shop", ref: "hooked", name: "ci", conclusion: "success" });
    assert.equal((await until("check_run", "completed"))[3].check_run.conclusion, "success");
    assert.equal((await until("check_suite", "completed"))[3].check_suite.pull_requests[0].number, pull.number);
    await control("review", { repo: "acme/shop", login: "ben", number: pull.number, event: "REQUEST_CHANGES", body: "no" });
    assert.equal((await until("pull_request_review", "submitted"))[3].review.state, "changes_requested");
    await control("close", { repo: "acme/shop", login: "ben", number: pull.number });
    assert.equal((await until("pull_request", "closed"))[3].pull_request.merged, false);
    await control("reopen", { repo: "acme/shop", login: "ben", number: pull.number });
    await until("pull_request", "reopened");
    await control("merge", { repo: "acme/shop", login: "ben", number: pull.number });
    const [, , , merged] = await until("pull_request", "closed");
    assert.deepEqual([merged.pull_request.merged, merged.pull_request.merged_by.login, merged.sender.login], [true, "ben", "ben"]);
    await control("redeliver", { id });
    assert.equal((await until("pull_request", "opened"))[2], id);
    const { deliveries } = await control("deliveries", null);
    const wrong = deliveries.filter((d) => d.URL === url && d.Status !== 200);
    assert.ok(wrong.length > 0 && wrong.every((d) => d.Event === "pull_request" && d.Status === 400), "the wrong secret is refused, nothing else");
    await new Promise((done) => listener.close(done));
    listener.closeAllConnections();
  },
};

const skewedSteps = {
  async "an app whose clock is wrong is told the right time"() {
    assert.equal((await bot.repos.get(at)).data.name, "shop");
  },
};

let done = 0;
for (const [name, step] of Object.entries(skewed ? skewedSteps : steps)) {
  try {
    await step();
  } catch (error) {
    console.error(`${name}:`, error.stack ?? error);
    process.exit(1);
  }
  console.log(name);
  done++;
}
console.log(`${done} steps went well`);
