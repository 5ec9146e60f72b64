"""The heart: an ordinary pre-trained module made elastic, and small modules cut out of it."""
