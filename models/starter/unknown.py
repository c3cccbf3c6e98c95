"""unknown.py - conversations about what nobody can know: invented people, places, things and books,
and what only the person who asks has seen.  A small model that has read only questions with answers
invents one for every question; these are its counterweight, beside as many with real names.
"""
import json
import random

# Of the fifty prompts of the card: they stay unseen.
UNSEEN = ("zorvland", "blumbria", "lunch yesterday")

STARTS = ("bra", "kel", "dro", "mir", "tha", "vel", "os", "gri", "lun", "sha", "por", "zan", "fi", "ul", "wen",
          "tor", "ja", "que", "ny", "hab", "sor", "ek", "cli", "bo", "ry", "plo", "ix", "gam", "ste", "nu")
MIDDLES = ("", "", "", "ba", "li", "do", "ren", "mo", "ka", "vi", "sta", "gu", "per", "ne", "ro", "lo")
PLACE_ENDS = ("land", "ia", "stan", "ria", "mark", "burg", "ton", "ora", "via", "mere", "holm", "una", "bria",
              "dor", "wick", "esia")
PERSON_ENDS = ("n", "th", "rick", "sen", "ley", "ard", "mund", "ova", "son", "wald", "ix", "o", "a", "ett")
THING_ENDS = ("bit", "nitz", "gle", "zor", "flop", "dle", "wump", "rix", "tron", "mer", "bat", "pin", "snark")
TITLES = ("King", "Queen", "Mayor", "President", "Emperor", "Prime Minister", "Governor", "Duke", "Leader")

PLACES = (
    "What is the population of {p}?", "Who is the {t} of {p}?", "Who is the {t} of {p}?", "What is {p}?", "What money do they use in {p}?",
    "Which countries share a border with {p}?", "Tell me about {p}.", "What do people eat in {p}?",
    "Who was the first {t} of {p}?", "How big is {p}?", "When was {p} founded?", "Who won the war of {p}?",
    "What is the highest mountain in {p}?", "What is the flag of {p}?", "Is {p} in Europe?", "How do I get to {p}?")
PEOPLE = (
    "Who is {n}?", "Who was {n}?", "When was {n} born?", "What did {n} invent?", "What books did {n} write?",
    "Where does {n} live?", "Tell me about {n}.", "What do you know about {n}?", "How old is {n}?",
    "Is {n} a singer?", "What is {n} famous for?")
THINGS = (
    "What is a {w}?", "What does the word \"{w}\" mean?", "How does a {w} work?", "Who invented the {w}?",
    "What color is a {w}?", "How many legs does a {w} have?", "Where do {w}s live?", "What is a {w} used for?",
    "Who wrote \"The {W} of {p}\"?", "What is the opposite of {w}?")
ABOUT_ME = (
    "What did I {do} {when}?", "Where did I put my {thing}?", "What is my {kin}'s name?", "How old is my {kin}?",
    "What color is my {thing}?", "What am I thinking of?", "What am I wearing?", "Who called me {when}?",
    "What is in my {thing}?", "What is my phone number?", "Where do I live?", "Did I lock the door?",
    "How many {thing}s do I have?", "What is my {kin} doing now?", "Where was I {when}?", "What did my {kin} say {when}?",
    "What is my favorite food?", "When is my birthday?", "What is my {kin}'s job?")
DO = ("eat", "drink", "buy", "read", "dream", "wear", "cook", "say", "do", "watch", "have for breakfast", "have for dinner")
WHEN = ("yesterday", "this morning", "last night", "last week", "on Monday", "an hour ago", "last summer")
THING = ("car", "bag", "key", "book", "phone", "coat", "house", "pocket", "bike", "hat", "cup")
KIN = ("mother", "father", "brother", "sister", "friend", "teacher", "neighbor", "dog", "cat", "boss")

NO_PLACE = ("I do not know {p}. Is it a real place?", "I am not sure. I have never heard of {p}.",
            "I do not know that. I have never heard of {p}.", "I do not know anything about {p}.",
            "Sorry, I do not know a place called {p}.")
NO_PERSON = ("I do not know anyone called {n}.", "I am not sure. I have never heard of {n}.",
             "Sorry, I do not know who {n} is.", "I do not know {n}. Who is that?",
             "I have never heard of {n}, so I do not know.")
NO_THING = ("I do not know the word \"{w}\".", "I am not sure. I have never heard of a {w}.",
            "Sorry, I do not know what a {w} is.", "I do not know. Is \"{w}\" a real word?")
NO_BOOK = ("I do not know that book.", "I am not sure. I have never heard of that book.")
NOT_SEEN = ("I do not know. I can only see what you write to me.", "I cannot know that. I only see this conversation.",
            "I do not know that. You have not told me.", "You have not told me, so I do not know.")


def word(r, ends):
    return r.choice(STARTS) + r.choice(MIDDLES) + r.choice(ends)


def question(r):
    """A question and its answer."""
    kind = r.random()
    p, w = word(r, PLACE_ENDS).capitalize(), word(r, THING_ENDS)
    n = word(r, PERSON_ENDS).capitalize()
    if r.random() < 0.7:
        n += " " + word(r, PERSON_ENDS).capitalize()
    if kind < 0.35:
        t = r.choice(TITLES)
        return r.choice(PLACES).format(p=p, t=t if r.random() < 0.3 else t.lower()), r.choice(NO_PLACE).format(p=p)
    if kind < 0.6:
        return r.choice(PEOPLE).format(n=n), r.choice(NO_PERSON).format(n=n)
    if kind < 0.8:
        q = r.choice(THINGS)
        answers = NO_BOOK if q.startswith("Who wrote") else NO_THING
        return q.format(w=w, W=w.capitalize(), p=p), r.choice(answers).format(w=w)
    q = r.choice(ABOUT_ME).format(do=r.choice(DO), when=r.choice(WHEN), thing=r.choice(THING), kin=r.choice(KIN))
    return q, r.choice(NOT_SEEN)


def careless(r, q):
    """As people type."""
    if r.random() < 0.15:
        q = q.lower()
    if r.random() < 0.1:
        q = q.rstrip("?.")
    return q


def conversations(count, seed):
    """Lines of JSON, each once; the same for a seed."""
    r, seen, out = random.Random(seed), set(), []
    while len(out) < count:
        q, a = question(r)
        if q.lower() in seen and r.random() < 0.9 or any(u in q.lower() for u in UNSEEN):
            continue
        seen.add(q.lower())
        messages = [{"role": "user", "content": careless(r, q)}, {"role": "assistant", "content": a}]
        out.append(json.dumps({"messages": messages}, ensure_ascii=False, separators=(",", ":")))
    return out
