"""How people ask for each tool. TRAIN and HELD_OUT share no sentence; HELD_OUT is for judging.

A sentence that ends in ``?`` stands as it is; any other is an imperative that REQUEST wraps.
``[...]`` is there only when the optional argument in it is.
"""

TRAIN: dict[str, list[str]] = {
    "get_weather": [
        "tell me the weather in {city}[ in {unit}]",
        "check the weather in {city}[, in {unit}]",
        "look up the weather for {city}[ in {unit}]",
        "give me the weather report for {city}[ in {unit}]",
        "find out how warm it is in {city}[ in {unit}]",
        "show the forecast for {city}[ using {unit}]",
        "get the temperature in {city}[, using {unit}]",
        "What is the weather in {city}[ in {unit}]?",
        "How is the weather in {city} today[, in {unit}]?",
        "Is it cold in {city} right now[, in {unit}]?",
        "How warm is {city} today[ in {unit}]?",
        "What is the temperature in {city}[ in {unit}]?",
        "Will it rain in {city} today[, using {unit}]?",
        "Weather for {city}[ in {unit}]?",
        "What does the forecast say for {city}[ in {unit}]?",
        "Do I need a coat in {city}[, in {unit}]?",
    ],
    "add_numbers": [
        "add {a} and {b}",
        "compute {a} plus {b}",
        "calculate the sum of {a} and {b}",
        "sum {a} and {b}",
        "work out {a} + {b}",
        "give me the total of {a} and {b}",
        "tell me what {a} plus {b} makes",
        "What is {a} plus {b}?",
        "What is {a} + {b}?",
        "How much is {a} and {b} together?",
        "{a} + {b}?",
        "What is the sum of {a} and {b}?",
        "What do I get if I add {a} and {b}?",
    ],
    "send_message": [
        "tell {to}: {text}",
        "tell {to} that {text}",
        "send {to} the message {text}",
        'send "{text}" to {to}',
        "write to {to} that {text}",
        "message {to}: {text}",
        'send a message to {to} saying "{text}"',
        "let {to} know that {text}",
        'text "{text}" to {to}',
        'write {to} a message: "{text}"',
        "send a note to {to} that says {text}",
        'Can {to} get the message "{text}"?',
    ],
    "set_timer": [
        "set a timer for {minutes} minutes[ called {label}]",
        "start a {minutes} minute timer[ named {label}]",
        "count down {minutes} minutes[ with the label {label}]",
        "wake me in {minutes} minutes[ for {label}]",
        "start the timer for {minutes} minutes[, label {label}]",
        "make a {minutes} minute timer[ and call it {label}]",
        "remind me in {minutes} minutes[ of {label}]",
        "set a countdown of {minutes} minutes[ called {label}]",
        "I need a timer for {minutes} minutes[ called {label}], can you start it?",
        "Timer for {minutes} minutes[, named {label}]?",
    ],
    "find_flights": [
        "find a flight from {origin} to {destination}[ for {passengers} people]",
        "book a flight to {destination} from {origin}[ for {passengers} passengers]",
        "search flights from {origin} to {destination}[ for {passengers}]",
        "show me the planes from {origin} to {destination}[ for {passengers} people]",
        "get me from {origin} to {destination} by plane[ with {passengers} people]",
        "list flights to {destination} leaving from {origin}[ for {passengers} passengers]",
        "Which flights go from {origin} to {destination}[ for {passengers} people]?",
        "Is there a flight from {origin} to {destination}[ for {passengers}]?",
        "How do I fly from {origin} to {destination}[ with {passengers} passengers]?",
        "Any flights to {destination} from {origin}[ for {passengers} people]?",
        "I want to fly from {origin} to {destination}[ with {passengers} people], what is there?",
    ],
    "play_song": [
        "play {title}[ by {artist}]",
        "play the song {title}[ by {artist}]",
        "put on {title}[ by {artist}]",
        'start the track "{title}"[ by {artist}]',
        "turn on the music, {title}[ by {artist}]",
        'play "{title}"[ from {artist}]',
        "let me hear {title}[ by {artist}]",
        "play me the track {title}[ from {artist}]",
        "Can I hear {title}[ by {artist}]?",
        'Could we listen to "{title}"[ by {artist}]?',
        "I would like to listen to {title}[ by {artist}], can you play it?",
        "Can you find {title}[ from {artist}] and play it?",
    ],
    "add_event": [
        "put {title} in my calendar on {day}[ at {hour}]",
        "schedule {title} for {day}[ at {hour}]",
        "add {title} to my calendar for {day}[ at {hour}]",
        'create an event "{title}" on {day}[ at {hour}]',
        "plan {title} on {day}[ at {hour}]",
        "book {title} in the calendar for {day}[, {hour} hours]",
        'note the event "{title}" for {day}[ at {hour}]',
        "make an event called {title} on {day}[ at {hour}]",
        "Is {day}[ at {hour}] free for {title} in my calendar?",
        "Can {title} go in the calendar on {day}[ at {hour}]?",
    ],
    "convert_currency": [
        "convert {amount} {source} to {target}",
        "change {amount} {source} into {target}",
        "turn {amount} {source} into {target}",
        "exchange {amount} {source} for {target}",
        "tell me how much {amount} {source} is in {target}",
        "compute {amount} {source} in {target}",
        "How much is {amount} {source} in {target}?",
        "What is {amount} {source} in {target}?",
        "How many {target} do I get for {amount} {source}?",
        "What are {amount} {source} worth in {target}?",
    ],
}

HELD_OUT: dict[str, list[str]] = {
    "get_weather": [
        "get me the weather for {city}[ in {unit}]",
        "find the weather report for {city}[, in {unit}]",
        "How cold is it in {city} today[ in {unit}]?",
        "What is the forecast for {city}[ in {unit}]?",
        "Is it warm in {city}[, in {unit}]?",
    ],
    "add_numbers": [
        "find the sum of {a} and {b}",
        "calculate {a} plus {b}",
        "How much is {a} + {b}?",
        "What is the total of {a} and {b}?",
    ],
    "send_message": [
        "send a message to {to}: {text}",
        'let {to} know: "{text}"',
        'write "{text}" to {to}',
        "send {to} a note that says {text}",
    ],
    "set_timer": [
        "start a timer for {minutes} minutes[ with the label {label}]",
        "set a {minutes} minute countdown[ named {label}]",
        "give me a timer of {minutes} minutes[ called {label}]",
        "Can I get a {minutes} minute timer[ called {label}]?",
    ],
    "find_flights": [
        "look up flights from {origin} to {destination}[ for {passengers} people]",
        "find me a plane to {destination} from {origin}[ for {passengers} passengers]",
        "What flights are there from {origin} to {destination}[ for {passengers} people]?",
        "Is there a plane from {origin} to {destination}[ for {passengers}]?",
    ],
    "play_song": [
        "start the song {title}[ by {artist}]",
        'put on the track "{title}"[ by {artist}]',
        "let me listen to {title}[ by {artist}]",
        "Could I hear the song {title}[ from {artist}]?",
    ],
    "add_event": [
        "create an event called {title} for {day}[ at {hour}]",
        'add "{title}" to the calendar on {day}[ at {hour}]',
        "put the event {title} on {day}[ at {hour}]",
        "Can you plan {title} for {day}[ at {hour}]?",
    ],
    "convert_currency": [
        "exchange {amount} {source} into {target}",
        "change {amount} {source} to {target}",
        "What do I get for {amount} {source} in {target}?",
        "How much {target} is {amount} {source}?",
    ],
}

#: around an imperative; ``{c}`` starts in lower case unless it comes first
REQUEST: dict[str, list[str]] = {
    "train": [
        "{c}.",
        "{c}.",
        "{c}, please.",
        "Please {c}.",
        "Can you {c}?",
        "Could you {c}?",
        "Could you please {c}?",
        "I need you to {c}.",
        "I want you to {c}.",
        "Hey, {c}!",
        "Now {c}.",
    ],
    "held_out": [
        "Can you please {c}?",
        "Hey, could you {c}?",
        "Hey, please {c}.",
        "Now please {c}!",
    ],
}

#: two requests in one sentence, answered by two calls
JOIN: dict[str, list[str]] = {
    "train": ["{x} and {y}", "{x}, then {y}", "{x} and also {y}", "first {x} and then {y}"],
    "held_out": ["{x} and then {y}", "{x}, and also {y}"],
}

#: one tool, two values: the sentence and the argument that differs
PAIRS: dict[str, list[str]] = {
    "train": [
        "What is the weather in {0} and in {1}?",
        "How is the weather in {0} and {1}?",
        "Compare the weather in {0} and {1}.",
        "Tell me the weather in {0} and in {1}.",
        "Is it colder in {0} or in {1}?",
    ],
    "held_out": ["How is the weather in {0} and in {1}?", "Check the weather in {0} and {1}."],
}

#: small talk -> answer, no call; ``{name}`` is copied
TALK: dict[str, list[tuple[str, str]]] = {
    "train": [
        ("Hello, I am {name}.", "Hello {name}! How can I help?"),
        ("Hi, my name is {name}.", "Hello {name}! How can I help?"),
        ("Good morning, {name} here.", "Hello {name}! How can I help?"),
        ("Hello!", "Hello! How can I help?"),
        ("Good morning!", "Hello! How can I help?"),
        ("Hi there.", "Hello! How can I help?"),
        ("Thank you!", "You are welcome."),
        ("Thanks, that is all.", "You are welcome."),
        ("That was good, thank you.", "You are welcome."),
        ("Who are you?", "I am a tiny model that calls tools."),
        ("What are you?", "I am a tiny model that calls tools."),
        ("Tell me who you are.", "I am a tiny model that calls tools."),
        ("How are you?", "I am fine, thank you."),
        ("How is it going?", "I am fine, thank you."),
        ("Tell me a joke.", "I only know how to call tools."),
        ("Sing for me.", "I only know how to call tools."),
    ],
    "held_out": [
        ("Hi, I am {name}.", "Hello {name}! How can I help?"),
        ("Hello, my name is {name}.", "Hello {name}! How can I help?"),
        ("Hello there!", "Hello! How can I help?"),
        ("Thank you, that was all.", "You are welcome."),
        ("Hello, who are you?", "I am a tiny model that calls tools."),
        ("Hi, how are you?", "I am fine, thank you."),
    ],
}

#: what the model says when the tool that is asked for is not on offer
REFUSAL = "I have no tool for that."

#: after a tool has answered: what it returned -> what the model says
RESULTS: dict[str, tuple[str, str]] = {
    "get_weather": ('{{"temperature": {n}}}', "It is {n} degrees in {city}."),
    "add_numbers": ('{{"sum": {n}}}', "The sum is {n}."),
    "send_message": ('{{"sent": true}}', "Your message to {to} was sent."),
    "set_timer": ('{{"started": true}}', "The timer for {minutes} minutes is running."),
    "find_flights": ('{{"flights": {n}}}', "There are {n} flights to {destination}."),
    "play_song": ('{{"playing": true}}', "Now playing {title}."),
    "add_event": ('{{"added": true}}', "{title} is in your calendar on {day}."),
    "convert_currency": ('{{"amount": {n}}}', "That is {n} {target}."),
}
