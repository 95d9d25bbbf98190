"""What a written name is, what it stands for, and what that must be."""
