// What this browser remembers of a person's choices. Storage may be refused: then nothing is remembered.

const PREFIX = "board.";

export function recall(name, otherwise = null) {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    return; // refused or full: the choice holds for this page
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    return; // refused: nothing is there
  }
}
