# The role that takes a snapshot of a volume and deletes the volume, where two people approved it in Slack. It is apart from the role
# that looks: nothing that only looks can delete, and this one can do nothing else. No role can delete a snapshot.

locals {
  remover_trusts = var.volume_remover == null ? "" : (var.volume_remover.role_arn != "" ? var.volume_remover.role_arn : aws_iam_role.this.arn)
}

data "aws_iam_policy_document" "remover_trust" {
  count = var.volume_remover == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [local.remover_trusts]
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

resource "aws_iam_role" "remover" {
  count = var.volume_remover == null ? 0 : 1

  name               = "${var.name}-volume-remover"
  description        = "Autopilot: takes a snapshot of a volume that nobody wants, and deletes the volume, where two people approved it."
  assume_role_policy = data.aws_iam_policy_document.remover_trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy" "remover" {
  count = var.volume_remover == null ? 0 : 1

  name = "${var.name}-volume-remover"
  role = aws_iam_role.remover[0].id
  policy = templatefile("${path.module}/policies/volume-remover.json.tftpl", {
    partition = data.aws_partition.this.partition
    account   = data.aws_caller_identity.this.account_id
  })
}

# Volumes without each of these tags are out of reach.
data "aws_iam_policy_document" "remover_tags" {
  count = var.volume_remover == null ? 0 : (length(var.volume_remover.volume_tags) > 0 ? 1 : 0)

  dynamic "statement" {
    for_each = var.volume_remover.volume_tags
    content {
      effect    = "Deny"
      actions   = ["ec2:CreateSnapshot", "ec2:DeleteVolume"]
      resources = ["arn:${data.aws_partition.this.partition}:ec2:*:${data.aws_caller_identity.this.account_id}:volume/*"]
      condition {
        test     = "StringNotLike"
        variable = "aws:ResourceTag/${statement.key}"
        values   = [statement.value]
      }
    }
  }
}

resource "aws_iam_role_policy" "remover_tags" {
  count = length(data.aws_iam_policy_document.remover_tags)

  name   = "${var.name}-volume-remover-tags"
  role   = aws_iam_role.remover[0].id
  policy = data.aws_iam_policy_document.remover_tags[0].json
}

# The bot's own role may assume the remover of its own account; those of others stand in assume_role_arns.
data "aws_iam_policy_document" "assume_remover" {
  count = var.volume_remover == null ? 0 : (var.volume_remover.role_arn == "" ? 1 : 0)

  statement {
    actions   = ["sts:AssumeRole"]
    resources = [aws_iam_role.remover[0].arn]
  }
}

resource "aws_iam_role_policy" "assume_remover" {
  count = length(data.aws_iam_policy_document.assume_remover)

  name   = "${var.name}-assume-volume-remover"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.assume_remover[0].json
}
