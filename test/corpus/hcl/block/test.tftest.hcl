variables {
  desired_size = 2
}

run "sizes_add_up" {
  command = plan

  variables {
    max_size = 4
  }

  assert {
    condition     = aws_eks_node_group.w.scaling_config[0].desired_size == 2
    error_message = "wrong size"
  }
}
