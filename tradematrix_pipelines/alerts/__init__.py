"""What a person must know: incidents, what makes one, how it is worded, and the channels that carry it."""
