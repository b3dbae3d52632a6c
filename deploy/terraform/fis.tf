# The role by which the process that does experiments (`autopilot chaos`) has AWS FIS do some of them. It is that process's alone: the role
# that looks has nothing of it, and this one reads nothing else. It starts, stops and deletes only what it marked as its own.

data "aws_iam_policy_document" "injector_trust" {
  count = var.fault_injector == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [var.fault_injector.role_arn]
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

resource "aws_iam_role" "injector" {
  count = var.fault_injector == null ? 0 : 1

  name               = "${var.name}-fault-injector"
  description        = "Autopilot: has AWS FIS break something in pods, where somebody confirmed it."
  assume_role_policy = data.aws_iam_policy_document.injector_trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy" "injector" {
  count = var.fault_injector == null ? 0 : 1

  name = "${var.name}-fault-injector"
  role = aws_iam_role.injector[0].id
  policy = templatefile("${path.module}/policies/fault-injector.json.tftpl", {
    partition       = data.aws_partition.this.partition
    account         = data.aws_caller_identity.this.account_id
    experiment_role = var.fault_injector.experiment_role_arn
  })
}
