# The role that keeps the head of the audit log in a bucket under Object Lock. It is apart from the role that looks, and can neither
# change nor delete what is locked. The bucket is yours: it may be in an account that nobody who runs the bot can reach.

locals {
  anchor_trusts = var.audit_anchor == null ? "" : (var.audit_anchor.role_arn != "" ? var.audit_anchor.role_arn : aws_iam_role.this.arn)
}

data "aws_iam_policy_document" "anchor_trust" {
  count = var.audit_anchor == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [local.anchor_trusts]
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

resource "aws_iam_role" "anchor" {
  count = var.audit_anchor == null ? 0 : 1

  name               = "${var.name}-audit-anchor"
  description        = "Autopilot: keeps the head of its audit log in S3 under Object Lock."
  assume_role_policy = data.aws_iam_policy_document.anchor_trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy" "anchor" {
  count = var.audit_anchor == null ? 0 : 1

  name = "${var.name}-audit-anchor"
  role = aws_iam_role.anchor[0].id
  policy = templatefile("${path.module}/policies/audit-anchor.json.tftpl", {
    partition     = data.aws_partition.this.partition
    anchor_bucket = var.audit_anchor.bucket
    anchor_prefix = var.audit_anchor.prefix
    anchor_mode   = var.audit_anchor.mode
  })
}

# The bot's own role may assume that of its own account; those of others stand in assume_role_arns.
data "aws_iam_policy_document" "assume_anchor" {
  count = var.audit_anchor == null ? 0 : (var.audit_anchor.role_arn == "" ? 1 : 0)

  statement {
    actions   = ["sts:AssumeRole"]
    resources = [aws_iam_role.anchor[0].arn]
  }
}

resource "aws_iam_role_policy" "assume_anchor" {
  count = length(data.aws_iam_policy_document.assume_anchor)

  name   = "${var.name}-assume-audit-anchor"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.assume_anchor[0].json
}
