"""What each part of a method adds, from all trainings: losses, codebook use, the base; and any two methods compared."""
