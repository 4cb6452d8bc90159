"""Every command line of the READMEs is run by a test: here against a city, or
by the test named beside it. A line nobody knows fails, and so does an entry
whose line is gone."""

import hashlib
import re
import subprocess
import unittest

from baton_city import BIN, ROOT, until
from baton_rpc import Caller
from baton_test import CityTest
from baton_words import HOSPITAL

READMES = ("README.md", "deploy/README.md", "storage/README.md",
           "tests/README.md",
           "tests/system/README.md",
           *sorted(str(file.relative_to(ROOT))
                   for file in ROOT.glob("services/*/README.md")))
COMMAND = re.compile(r"^(\./|(baton(-\w+)?|deploy/\S+|tests/\S+|cmake|ctest|npm|"
                     r"ninja)( |$))")

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
    "deploy/city stop build/city": "every City",
    "deploy/agency install police/E23000019 --exchange baton.example:7440 "
    "--certs build/certs --dry-run": "tests/deploy/agency_test.sh",
    "baton-council --config council.txtpb": "every City",
    "tests/system/run_python tests/system/kill_test.py --cycles 20 --seed 7":
        "System.KillTest",
    "tests/nightly": "takes an hour",
    "baton-council --config council.txtpb --check_config": "operations_test",
}

# Line of services/cli/README.md: what it stands for, in this order. {matter},
# {conversation} and {message} are those of the first flag.
CLI = (
    ("baton emergency flag --reference ED-1 --to E06000018/intake "
     "--reason placement-breakdown --arrived 18:10 --immediate-danger no",
     ["emergency flag --reference ED-1 --to E06000018/intake --reason "
      "placement-breakdown --arrived 18:10 --immediate-danger no"]),
    ("baton emergency flag --file deploy/examples/flag-waiting.json "
     "--arrived 18:10",
     ["emergency flag --file deploy/examples/flag-waiting.json "
      "--arrived 18:10"]),
    ('baton emergency update ED-1 --note "asleep" --next-review +2h',
     ["emergency update ED-1 --note asleep --next-review +2h"]),
    ('baton emergency moved ED-1 --location "RX1RA ward D33"',
     ["emergency moved ED-1 --location RX1RA-ward-D33"]),
    ("baton council list | open MATTER | take MATTER --name ... --role ... "
     "--team ... --phone ...",
     ["council list", "council open {matter}",
      "council take {matter} --name A.Fenwick --role worker --team MASH "
      "--phone 0115", "council take {matter}"]),
    ("baton council decide MATTER --outcome referral-section-17 "
     '--next-step "visit tonight"',
     ["council decide {matter} --outcome referral-section-17 "
      "--next-step visit"]),
    ('baton case attach ED-1 letter.txt --title "letter of the ward" '
     "--matter 1",
     ["case attach ED-1 deploy/examples/organisations.csv --title letter "
      "--matter 1"]),
    ("baton matter attach MATTER plan.txt",
     ["matter attach {matter} deploy/examples/organisations.csv"]),
    ("baton inbox open MATTER | fetch MATTER DOCUMENT --to FILE [--force]",
     ["inbox open {matter}", "inbox fetch {matter} {document} --to {file}",
      "inbox fetch {matter} {document} --to {file} --force"]),
    ("baton emergency status ED-1 | list | watch [ED-1] | attention "
     "[--resend ID | --withdraw ID --reason ...]",
     ["emergency status ED-1", "emergency list", "emergency attention",
      "emergency watch", "emergency watch ED-1"]),
    ('baton emergency end ED-1 --how discharged --destination "aunt\'s home" '
     '--taken-by "her aunt"',
     ["emergency end ED-1 --how discharged --destination home "
      "--taken-by aunt"]),
    ("baton track c-4k7 | c-4k7.1",
     ["track {conversation}", "track {matter}"]),
    ('baton directory add school/123456 --name "Example Academy" '
     '--phone "0115 496 0400" --desk office',
     ["directory add school/123456 --name Academy --phone 0115 "
      "--desk office"]),
    ("baton directory list [--class school] | show school/123456",
     ["directory list", "directory list --class school",
      "directory show school/123456"]),
    ("baton directory import deploy/examples/organisations.csv [--dry-run]",
     ["directory import deploy/examples/organisations.csv --dry-run",
      "directory import deploy/examples/organisations.csv"]),
    ("baton directory remove school/123456",
     ["directory remove school/123456"]),
    ("baton audit checkpoint", ["audit checkpoint"]),
    ("baton doctor [--service police] [--expiry-days 30] [--config-only]",
     ["doctor", "doctor --config-only"]),
    ("baton audit verify [--message m-4k7]",
     ["audit verify", "audit verify --message {message}"]),
)
DONE, HELD = 0, 6


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
        town.start()
        names = {}
        for _, commands in CLI:
            for command in commands:
                with self.subTest(command):
                    self.run_cli(town, command.format(**names))
            names = names or self.first_flag(town)

    def first_flag(self, town):
        """Names what came of the first flag, once it is delivered."""
        with Caller(town, HOSPITAL) as hospital:
            matter = until(lambda: (lambda status: status.matter
                                    if status.matter.HasField("delivered")
                                    else None)(hospital.call(
                                        "EmergencyService/GetWaiting",
                                        sender_reference="ED-1").status),
                           "the first flag is delivered")
            conversation = matter.matter_id.partition(".")[0]
            message, = hospital.call("TrackingService/ListTimeline",
                                     conversation_id=conversation,
                                     page_size=1).entries
        document = (ROOT / "deploy/examples/organisations.csv").read_bytes()
        return {"matter": matter.matter_id, "conversation": conversation,
                "message": message.message_id,
                "document": hashlib.sha256(document).hexdigest()[:12],
                "file": town.directory / "fetched"}

    def run_cli(self, town, command):
        who = {"council": "council", "inbox": "council",
               "directory": "operator"}.get(command.split()[0], "emergency")
        words = [str(ROOT / word) if word.startswith("deploy/") else word
                 for word in command.split()]
        if "watch" in words:
            return self.run_watch(town, words)
        if "fetch" in words:  # Once the message that names it is there.
            return until(lambda: town.baton(who, *words,
                                            check=False).returncode == DONE,
                         "the document is fetched")
        done = town.baton(who, *words, check=False)
        self.assertIn(done.returncode, (DONE, HELD), done.stdout + done.stderr)
        self.assertEqual(done.returncode == HELD,
                         "NOT SENT" in done.stdout + done.stderr)
        self.assertNotEqual(done.stdout, "")

    def run_watch(self, town, words):
        with subprocess.Popen(
                [BIN / "baton", "--config",
                 town.directory / "client-emergency.txtpb", *words],
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
