"""Print how long this interpreter takes for a fixed piece of work (nanoseconds), or fail if it will not do.

`make setup` takes the fastest of the interpreters it finds: of two builds of the same version, one made with profile-
guided optimisation runs the gate a third faster, and no setting of the build tells reliably which is which.
"""

import ensurepip
import sys
import timeit
import venv

NEEDED = (ensurepip, venv)

WORK = """
fields = {}
for line in text.split("|"):
    name, _, value = line.partition(": ")
    if name in fields:
        fields[name].append(value.strip())
    else:
        fields[name] = [value.strip()]
"".join(f"{name}={values[0]}" for name, values in fields.items())
"""

if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"{sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed")
    text = "|".join(f"Header-{number % 20}: value {number}" for number in range(24))
    best = min(timeit.repeat(WORK, number=3000, repeat=7, globals={"text": text}))
    print(round(best / 3000 * 1e9))
