"""The soak run: `syncengine serve` on an empty machine, both sides edited at random for as long as wanted."""
