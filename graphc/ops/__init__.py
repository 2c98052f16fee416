"""The functions of `tf.*`: what is TF1's own quirk by hand, the plain ones in `generated`."""
