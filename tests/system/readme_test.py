"""Every command line of the READMEs is run by a test: here against a city, or
by the test named beside it. A line nobody knows fails, and so does an entry
whose line is gone."""

import hashlib
import json
import re
import shlex
import subprocess
import unittest

from baton_city import BIN, EVERYBODY, ROOT, until
from baton_test import CityTest

READMES = ("README.md", "deploy/README.md", "storage/README.md",
           "tests/README.md",
           "tests/system/README.md",
           *sorted(str(file.relative_to(ROOT))
                   for file in ROOT.glob("services/*/README.md")))
COMMAND = re.compile(r"^(\./|(baton(-\w+)?|deploy/\S+|tests/\S+|cmake|ctest|npm|"
                     r"ninja|curl|build/\S+)( |$))")

# Run elsewhere, or not here: why.
COVERED = {
    "./deploy/quickstart": "installs and builds; the rest is evening_test",
    "./tests/run": "runs this",
    "cmake --preset dev && cmake --build --preset dev && "
    "ctest --test-dir build/dev": "builds; tests/run does the same",
    "./deploy/install-deps": "tests/deploy/install_deps_test.sh",
    "npm install --package-lock-only --omit-lockfile-registry-resolved":
        "needs the network",
    "./deploy/make-certs build/certs": "tests/deploy/make_certs_test.sh",
    "./deploy/make-certs build/certs --add council/E06000015":
        "tests/deploy/make_certs_test.sh",
    "./deploy/make-certs --help": "test_the_programs_explain_themselves",
    "deploy/city prepare build/city 7440": "every City",
    "deploy/city start build/city": "every City",
    "deploy/evening build/city": "evening_test",
    "curl -s http://127.0.0.1:7446/metrics": "admin_test",
    "curl -s http://127.0.0.1:7446/healthz": "admin_test",
    "build/node/node_modules/.bin/buf curl --protocol grpc --http2-prior-knowledge --data '{}' "
    "http://127.0.0.1:7447/grpc.health.v1.Health/Check": "admin_test",
    "deploy/city stop build/city": "every City",
    "deploy/agency install police/E23000019 --exchange baton.example:7440 "
    "--certs build/certs --dry-run": "tests/deploy/agency_test.sh",
    "baton-council --config council.txtpb": "every City",
    "tests/system/run_python tests/system/kill_test.py --cycles 20 --seed 7":
        "System.KillTest",
    "tests/system/run_python tests/system/week_test.py --days 7 --cycles 100 "
    "--seed 7": "takes long; System.WeekTest is a day of it",
    "tests/nightly": "takes an hour",
    "baton-council --config council.txtpb --check_config": "operations_test",
}

# Line of services/cli/README.md: whose command lines it stands for, in this
# order. What Names finds is filled in.
CLI = (
    ("baton emergency flag --reference ED-1 --to E06000018/intake "
     "--reason placement-breakdown --arrived 18:10 --immediate-danger no",
     [("emergency", "emergency flag --reference ED-1 --to E06000018/intake "
       "--reason placement-breakdown --arrived 18:10 --immediate-danger no")]),
    ("baton emergency flag --file deploy/examples/flag-waiting.json "
     "--arrived 18:10",
     [("emergency", "emergency flag --file deploy/examples/flag-waiting.json "
       "--arrived 18:10")]),
    ('baton police report --reference M-1 --child-name "Mia Test" '
     "--last-seen 20:40 --grade high --next-review +1h",
     [("police", 'police report --reference M-1 --child-name "Mia Test" '
       "--last-seen 20:40 --grade high --next-review +1h")]),
    ('baton case raise --reference S-1 --child-name "Mia Test" '
     '--concern "bruises" --immediate-danger no',
     [("school", 'case raise --reference S-1 --child-name "Mia Test" '
       '--concern "bruises" --immediate-danger no')]),
    ("baton inbox watch", [("council", "inbox watch")]),
    ("baton inbox open c-4k7.1", [("council", "inbox open {matter}")]),
    ('baton matter take c-4k7.1 --name "A. Worker" --role "social worker" '
     '--team MASH --phone "0115 496 0002"',
     [("council", 'matter take {matter} --name "A. Worker" '
       '--role "social worker" --team MASH --phone "0115 496 0002"')]),
    ("baton matter decide c-4k7.1 --outcome referral-section-17 "
     '--next-step "visit tonight"',
     [("council", "matter decide {matter} --outcome referral-section-17 "
       '--next-step "visit tonight"')]),
    ("baton matter answer c-4k7.1 --reply-to m-4k9 --answer not-known",
     [("council", "matter ask {matter} --partner police/E23000019 "
       '--question "known to you?" --deadline +12h'),
      ("police", "matter answer {matter} --reply-to {question} "
       "--answer not-known")]),
    ('baton matter correct c-4k7.1 --message m-4k7 --reason "wrong arm" '
     "--part-type baton.v1.Contact --part contact.json",
     [("school", 'matter correct {case} --message {contact} '
       '--reason "wrong arm" --part-type baton.v1.Contact --part {part}')]),
    ("baton case refused [--resend ID | --withdraw ID --reason ...]",
     [("school", "case refused")]),
    ('baton council hand-over --from "A. Worker" --to "B. Worker;social '
     'worker;MASH;0115 496 0002" --reason "shift ends"',
     [("council", 'council hand-over --from "A. Worker" --to "B. Worker;social '
       'worker;MASH;0115 496 0002" --reason "shift ends"')]),
    ('baton case attach ED-1 letter.txt --title "letter of the ward" '
     "--matter 1",
     [("emergency", "case attach ED-1 deploy/examples/organisations.csv "
       '--title "letter of the ward" --matter 1')]),
    ("baton matter attach MATTER plan.txt",
     [("emergency", "matter attach {matter} "
       "deploy/examples/organisations.csv")]),
    ("baton inbox open MATTER | fetch MATTER DOCUMENT --to FILE [--force]",
     [("council", "inbox open {matter}"),
      ("council", "inbox fetch {matter} {document} --to {file}"),
      ("council", "inbox fetch {matter} {document} --to {file} --force")]),
    ("baton track c-4k7 | c-4k7.1 | m-4k7",
     [("emergency", "track {conversation}"), ("emergency", "track {matter}"),
      ("emergency", "track {message}")]),
    ("baton queue show council/E06000018/intake",
     [("council", "queue show council/E06000018/intake"),
      ("operator", "queue list")]),
    ("baton queue dead-letters council/E06000018/intake [--message m-4k7]",
     [("council", "queue dead-letters council/E06000018/intake"),
      ("council", "queue browse council/E06000018/intake "
       "--message {message}")]),
    ("baton queue redrive council/E06000018/intake [--count] "
     "[--max-per-second 10]",
     [("operator", "queue redrive council/E06000018/intake --count "
       "--max-per-second 10"),
      ("operator", "queue redrive council/E06000018/intake")]),
    ('baton queue purge council/E06000018/intake '
     '--reason "sent to the wrong desk"',
     [("council", 'queue purge council/E06000018/intake '
       '--reason "sent to the wrong desk"')]),
    ("baton directory import deploy/examples/organisations.csv [--dry-run]",
     [("operator",
       "directory import deploy/examples/organisations.csv --dry-run"),
      ("operator", "directory import deploy/examples/organisations.csv")]),
    ("baton doctor [--service police] [--expiry-days 30] [--config-only]",
     [("police", "doctor"), ("police", "doctor --config-only")]),
    ("baton audit verify [--message m-4k7]",
     [("emergency", "audit verify"),
      ("emergency", "audit verify --message {message}")]),
)
DONE, REFUSED, HELD = 0, 4, 6


def command_lines(name):
    """Indented and fenced lines that are commands, without their comments."""
    fenced = False
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced or line.startswith("    "):
            line = re.split(r"\s{2,}#", line.strip())[0].strip()
            if COMMAND.match(line):
                yield line


class Names(dict):
    """What the commands before it made, by the name it has in CLI: looked up
    when it is first asked for, once it is there."""

    def __init__(self, town):
        super().__init__(file=town.directory / "fetched")
        self.town = town

    def __missing__(self, name):
        self[name] = getattr(self, "find_" + name)()
        return self[name]

    def json(self, who, *words):
        done = self.town.baton(who, "-o", "json", *words, check=False)
        return json.loads(done.stdout) if done.returncode == DONE else {}

    def matter_of(self, who, *words):
        def once_delivered():
            status = self.json(who, *words)
            for matter in (status, *status.get("matters", ())):
                if matter.get("delivered_time"):
                    return matter["matter_id"]
            return None
        return until(once_delivered, " ".join(words) + " is delivered")

    def message_of(self, who, matter, event):
        def once_there():
            timeline = self.json(who, "track", matter).get("events", ())
            found = [entry["message_id"] for entry in timeline
                     if entry["event"] == event]
            return found[-1] if found else None
        return until(once_there, f"{event} of {matter}")

    def find_matter(self):
        return self.matter_of("emergency", "emergency", "status", "ED-1")

    def find_conversation(self):
        return self["matter"].partition(".")[0]

    def find_message(self):
        return self.message_of("emergency", self["matter"], "waiting-flag")

    def find_question(self):
        return self.message_of("police", self["matter"], "information-request")

    def find_case(self):
        return self.matter_of("school", "case", "status", "S-1")

    def find_contact(self):
        return self.message_of("school", self["case"], "contact")

    def find_part(self):
        raised = json.loads(
            (ROOT / "deploy/examples/contact-danger.json").read_text())
        part = self.town.directory / "contact.json"
        part.write_text(json.dumps(raised["children"][0]))
        return part

    def find_document(self):
        document = (ROOT / "deploy/examples/organisations.csv").read_bytes()
        return hashlib.sha256(document).hexdigest()[:12]


class ReadmeTest(CityTest):

    def test_every_command_line_is_known(self):
        written = {line for name in READMES for line in command_lines(name)}
        known = set(COVERED) | {line for line, _ in CLI}
        self.assertEqual(written, known)

    def test_the_files_named_are_there(self):
        for name in READMES:
            for mention in re.findall(
                    r"`((?:deploy|services|storage|tests|proto)/[\w./-]+)`",
                    (ROOT / name).read_text()):
                with self.subTest(readme=name, mention=mention):
                    self.assertTrue((ROOT / mention).exists()
                                    or list(ROOT.glob(mention + ".*")))

    def test_the_commands_of_the_cli(self):
        town = self.new_city("readme")
        town.start(*EVERYBODY)
        names = Names(town)
        for _, commands in CLI:
            for who, command in commands:
                with self.subTest(who + ": " + command):
                    self.run_cli(town, who, shlex.split(
                        command.format_map(names)))

    def run_cli(self, town, who, words):
        words = [str(ROOT / word) if word.startswith("deploy/") else word
                 for word in words]
        if "watch" in words:
            return self.run_watch(town, who, words)
        done = until(lambda: self.once_there(town, who, words),
                     f"baton {' '.join(words)}")
        self.assertEqual(done.returncode == HELD,
                         "NOT SENT" in done.stdout + done.stderr)
        self.assertNotEqual(done.stdout, "")

    def once_there(self, town, who, words):
        """None while what the command is about has not arrived."""
        done = town.baton(who, *words, check=False)
        if done.returncode == REFUSED and "NOT_FOUND" in done.stderr:
            return None
        self.assertIn(done.returncode, (DONE, HELD), done.stdout + done.stderr)
        return done

    def run_watch(self, town, who, words):
        with subprocess.Popen(
                [BIN / "baton", "--config",
                 town.directory / f"client-{who}.txtpb", *words],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as watch:
            self.assertNotEqual(watch.stdout.readline(), b"")
            watch.kill()

    def test_the_programs_explain_themselves(self):
        for program in (BIN / "baton", BIN / "baton-broker",
                        BIN / "baton-emergency", BIN / "baton-council",
                        BIN / "baton-police", BIN / "baton-school",
                        ROOT / "deploy/make-certs", ROOT / "deploy/agency",
                        ROOT / "deploy/evening", ROOT / "tests/run",
                        ROOT / "deploy/quickstart"):
            with self.subTest(str(program)):
                done = subprocess.run([program, "--help"], text=True,
                                      stdout=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, check=False)
                self.assertEqual(done.returncode, 0)
                self.assertGreater(len(done.stdout), 80)


if __name__ == "__main__":
    unittest.main()
