"""The contract: messages, envelope, topics, ports and settings that rooms share; imports no other room and no numpy."""
