resource "aws_eks_node_group" "odd" {
  node_group_name = ("odd")
  scaling_config {
    desired_size = (3)
    max_size     = ((9))
    min_size     = (
      2
    )
  }
  labels = { offset = -1, ratio = 0.75, big = 1e3, tiny = 2.5E-3, neg = -0.5, on = true, off = false, none = null }
}
