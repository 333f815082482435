"""Who is calling and what they may do: access keys, SigV4, and the seam of the policy evaluator."""
