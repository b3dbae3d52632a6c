/* The workers
 * of the shop. */ resource /* type */ "aws_eks_node_group" /* name */ "busy" /* open */ { # why not
  # above
  cluster_name /* eq */ = /* value */ "prod" /* end */ // and more
  node_group_name = "busy" # "quoted" = 3

  // scaling_config { desired_size = 99 }
  scaling_config { // {
    /* desired_size = 98 */
    desired_size = 3 /* three */ # of them
    # max_size = 97
    max_size = /* up to */ 7
    min_size = 3 // }
    /**/
  }
  /* nested /* is not nested */
  # last
}
# after
