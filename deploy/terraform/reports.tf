# The role that brings reports to where Slack is not: mail from one address, files below one prefix. It reads nothing, and is apart from the
# role that looks.

locals {
  reports_trusts = var.reports == null ? "" : (var.reports.role_arn != "" ? var.reports.role_arn : aws_iam_role.this.arn)
}

data "aws_iam_policy_document" "reports_trust" {
  count = var.reports == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [local.reports_trusts]
    }
    dynamic "condition" {
      for_each = var.external_id == "" ? [] : [var.external_id]
      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "reports" {
  count = var.reports == null ? 0 : 1

  name               = "${var.name}-reports"
  description        = "Autopilot: sends its reports by e-mail and keeps them in S3."
  assume_role_policy = data.aws_iam_policy_document.reports_trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy" "report_mail" {
  count = try(var.reports.mail, null) == null ? 0 : 1

  name = "${var.name}-report-mail"
  role = aws_iam_role.reports[0].id
  policy = templatefile("${path.module}/policies/report-mail.json.tftpl", {
    partition     = data.aws_partition.this.partition
    account       = data.aws_caller_identity.this.account_id
    mail_region   = var.reports.mail.region
    mail_identity = coalesce(var.reports.mail.identity, var.reports.mail.from)
    mail_from     = var.reports.mail.from
  })
}

resource "aws_iam_role_policy" "report_files" {
  count = try(var.reports.files, null) == null ? 0 : 1

  name = "${var.name}-report-files"
  role = aws_iam_role.reports[0].id
  policy = templatefile("${path.module}/policies/report-files.json.tftpl", {
    partition     = data.aws_partition.this.partition
    report_bucket = var.reports.files.bucket
    report_prefix = var.reports.files.prefix
  })
}

# The bot's own role may assume that of its own account; those of others stand in assume_role_arns.
data "aws_iam_policy_document" "assume_reports" {
  count = var.reports == null ? 0 : (var.reports.role_arn == "" ? 1 : 0)

  statement {
    actions   = ["sts:AssumeRole"]
    resources = [aws_iam_role.reports[0].arn]
  }
}

resource "aws_iam_role_policy" "assume_reports" {
  count = length(data.aws_iam_policy_document.assume_reports)

  name   = "${var.name}-assume-reports"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.assume_reports[0].json
}
