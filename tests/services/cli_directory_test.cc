#include <map>

#include "baton/v1/directory_service.grpc.pb.h"
#include "services/common/agency.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A directory as the exchange keeps it, without its checks.
class FakeDirectory final : public v1::DirectoryService::Service {
 public:
  Status ListAgencies(ServerContext*, const v1::ListAgenciesRequest* request,
                      v1::ListAgenciesResponse* response) override {
    for (auto it = entries.upper_bound(request->page_token());
         it != entries.end(); ++it) {
      if (response->entries_size() == std::min(2, request->page_size())) {
        response->set_next_page_token(
            AgencyName(response->entries().rbegin()->agency().agency()));
        break;
      }
      if (request->agency_class() == 0 ||
          it->second.agency().agency().agency_class() ==
              request->agency_class()) {
        *response->add_entries() = it->second;
      }
    }
    return Status::OK;
  }
  Status GetAgency(ServerContext*, const v1::GetAgencyRequest* request,
                   v1::GetAgencyResponse* response) override {
    const auto it = entries.find(AgencyName(request->agency()));
    if (it == entries.end()) return {grpc::StatusCode::NOT_FOUND, "none"};
    *response->mutable_entry() = it->second;
    return Status::OK;
  }
  Status PutAgency(ServerContext*, const v1::PutAgencyRequest* request,
                   v1::PutAgencyResponse* response) override {
    if (static_cast<int>(puts.size()) == fail_at) {
      return {grpc::StatusCode::UNAVAILABLE, "gone"};
    }
    puts.push_back(*request);
    v1::DirectoryEntry& entry = entries[AgencyName(request->agency().agency())];
    *entry.mutable_agency() = request->agency();
    entry.set_version(entry.version() + 1);
    *response->mutable_entry() = entry;
    response->set_changed(true);
    return Status::OK;
  }
  Status RemoveAgency(ServerContext*, const v1::RemoveAgencyRequest* request,
                      v1::RemoveAgencyResponse* response) override {
    entries.erase(AgencyName(request->agency()));
    response->set_version(2);
    return Status::OK;
  }

  std::map<std::string, v1::DirectoryEntry> entries;
  std::vector<v1::PutAgencyRequest> puts;
  int fail_at = -1;
};

class CliDirectoryTest : public CliTest {
 protected:
  CliDirectoryTest() {
    Serve({&service_});
    v1::DirectoryEntry entry;
    *entry.mutable_agency()->mutable_agency() =
        ParseAgency("council/E06000018").value();
    entry.mutable_agency()->set_name("Nottingham City Council");
    entry.mutable_agency()->set_phone("0115 496 0200");
    entry.mutable_agency()->add_desks()->set_name("intake");
    v1::TeamConfig* const team = entry.mutable_agency()->add_teams();
    team->set_name("MASH");
    v1::OpeningHours* const hours = team->add_opening_hours();
    hours->add_weekdays(v1::WEEKDAY_MONDAY);
    hours->set_from("08:30");
    hours->set_to("17:00");
    entry.set_version(1);
    service_.entries["council/E06000018"] = entry;
  }

  std::string Table(const std::string& rows) {
    return Write("organisations.csv", "class,code,name,phone,desk\n" + rows);
  }

  FakeDirectory service_;
};

TEST_F(CliDirectoryTest, ListsEveryPage) {
  for (int i = 0; i < 5; ++i) {
    const std::string name = "school/12345" + std::to_string(i);
    v1::DirectoryEntry& entry = service_.entries[name];
    *entry.mutable_agency()->mutable_agency() = ParseAgency(name).value();
    entry.mutable_agency()->add_desks()->set_name("office");
  }
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("Nottingham City Council"),
                          HasSubstr("school/123454")));
  EXPECT_EQ(Run({"directory", "list", "--class", "school"}), ExitCode::kOk);
  EXPECT_THAT(out_, Not(HasSubstr("Nottingham")));
  EXPECT_EQ(Run({"directory", "list", "--limit", "3"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("The list goes on"));
  EXPECT_EQ(Run({"directory", "list", "--class", "shool"}), ExitCode::kUsage);
}

TEST_F(CliDirectoryTest, ShowsTeamsAndWhenTheyAreThere) {
  EXPECT_EQ(Run({"directory", "show", "council/E06000018"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("MASH, monday 08:30-17:00, closed, opens "));
  EXPECT_THAT(out_, HasSubstr("08:30"));
  EXPECT_EQ(Run({"directory", "show", "school/1"}), ExitCode::kError);
  EXPECT_EQ(Run({"directory", "show", "nonsense"}), ExitCode::kUsage);
}

TEST_F(CliDirectoryTest, AddsAnAgencyAndSaysWhatIsNext) {
  EXPECT_EQ(Run({"directory", "add", "school/123456", "--name", "Academy",
                 "--desk", "office", "--desk", "nurse"}),
            ExitCode::kOk)
      << err_;
  ASSERT_THAT(service_.puts, SizeIs(1));
  EXPECT_FALSE(service_.puts[0].request_id().empty());
  EXPECT_EQ(service_.puts[0].agency().desks(1).name(), "nurse");
  EXPECT_THAT(out_, HasSubstr("deploy/make-certs DIR --add school/123456\n"));
}

TEST_F(CliDirectoryTest, SaysWhichDeskIsTakenAwayAndWhatIsNew) {
  Run({"directory", "add", "council/E06000018", "--desk", "out-of-hours"});
  EXPECT_THAT(out_, HasSubstr("TAKEN AWAY: intake; "));
  Run({"directory", "add", "council/E06000018", "--phone", "0115 2"});
  EXPECT_THAT(out_, Not(HasSubstr("TAKEN AWAY")));
  EXPECT_THAT(out_, Not(HasSubstr("added")));
  Run({"directory", "add", "council/E0600018", "--phone", "0115 1", "--name",
       "Nottingham", "--desk", "intake"});
  EXPECT_THAT(out_, HasSubstr("added: the directory had no council/E0600018"));
}

TEST_F(CliDirectoryTest, ChangesOnlyWhatTheFlagsSay) {
  EXPECT_EQ(Run({"directory", "add", "council/E06000018", "--phone", "0115 1"}),
            ExitCode::kOk)
      << err_;
  const v1::PutAgencyRequest& put = service_.puts.at(0);
  EXPECT_EQ(put.expected_version(), 1);
  EXPECT_EQ(put.agency().phone(), "0115 1");
  EXPECT_EQ(put.agency().name(), "Nottingham City Council");
  EXPECT_EQ(put.agency().teams_size(), 1);
  EXPECT_THAT(out_, Not(HasSubstr("make-certs")));
}

TEST_F(CliDirectoryTest, AFileHoldsAWholeAgency) {
  const std::string file = Write("school.json", R"({
    "agency": {"agency_class": "AGENCY_CLASS_SCHOOL", "code": "123456"},
    "desks": [{"name": "office", "team": "pastoral"}],
    "teams": [{"name": "pastoral"}]
  })");
  EXPECT_EQ(Run({"directory", "add", "--file", file}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.puts.at(0).agency().teams(0).name(), "pastoral");
}

TEST_F(CliDirectoryTest, AnAgencyWithFaultsIsNotSent) {
  EXPECT_EQ(Run({"directory", "add", "council/W06000015", "--desk", "In Tray"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, AllOf(HasSubstr("desks[0].name"), HasSubstr("phone"),
                          HasSubstr("off_exchange")));
  EXPECT_THAT(service_.puts, IsEmpty());
}

TEST_F(CliDirectoryTest, Removes) {
  EXPECT_EQ(Run({"directory", "remove", "council/E06000018"}), ExitCode::kOk);
  EXPECT_THAT(service_.entries, IsEmpty());
}

TEST_F(CliDirectoryTest, ImportsATableAndARepeatChangesNothing) {
  const std::string file = Table(
      "school,123456,\"Academy, Arnold\",0115 496 0400,office\r\n"
      "council,E06000018,,,duty\r\n"
      "council,W06000015,Cardiff,029 2018 0000,\r\n");
  EXPECT_EQ(Run({"directory", "import", file}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("3 imported, 0 unchanged"));
  EXPECT_THAT(out_, HasSubstr("make-certs DIR --add school/123456\n"));
  const v1::AgencyConfig& council =
      service_.entries.at("council/E06000018").agency();
  EXPECT_EQ(council.desks_size(), 2);
  EXPECT_EQ(council.teams_size(), 1);
  EXPECT_EQ(Run({"directory", "import", file}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("0 imported, 3 unchanged"));
  EXPECT_THAT(service_.puts, SizeIs(3));
}

TEST_F(CliDirectoryTest, ADryRunChangesNothing) {
  const std::string file = Table("school,123456,Academy,,office\n");
  EXPECT_EQ(Run({"directory", "import", file, "--dry-run"}), ExitCode::kOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("school/123456"), HasSubstr("add"),
                          HasSubstr("1 to import, 0 unchanged; nothing was")));
  EXPECT_THAT(service_.puts, IsEmpty());
  Run({"directory", "import", file, "--dry-run", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{\"agency\":\"school/123456\""));
}

TEST_F(CliDirectoryTest, AFileWithFaultsChangesNothingAndNamesEachLine) {
  const std::string file = Table(
      "school,123456,Academy,,office\n"
      "school,bad code,Academy,,office\n"
      "council,E06000018,City,,\n"
      "shool,123457,Academy,,office\n"
      "council,E06000019,Council,,intake\n");
  EXPECT_EQ(Run({"directory", "import", file}), ExitCode::kUsage);
  for (const char* fault :
       {"nothing was changed", "line 3: agency", "line 4: desk",
        "line 5: \"shool\"", "line 6: phone"}) {
    EXPECT_THAT(err_, HasSubstr(fault));
  }
  EXPECT_THAT(service_.puts, IsEmpty());
  // What only the directory knows as well.
  EXPECT_EQ(Run({"directory", "import",
                 Table("school,123456,Academy,,office\n"
                       "council,E06000018,City,0115,\n")}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("line 3: desk: it has desks"));
  EXPECT_THAT(service_.puts, IsEmpty());
}

TEST_F(CliDirectoryTest, LongImportsShowProgressAndWhereTheyEnded) {
  std::string rows;
  for (int i = 0; i < 250; ++i) {
    rows += "school," + std::to_string(100000 + i) + ",Academy,,office\n";
  }
  service_.fail_at = 205;
  EXPECT_EQ(Run({"directory", "import", Table(rows)}), ExitCode::kUnreachable);
  EXPECT_THAT(err_, AllOf(HasSubstr("100 of 250\n"), HasSubstr("200 of 250\n"),
                          HasSubstr("205 of 250 are imported"),
                          HasSubstr("repeat the import")));
  service_.fail_at = -1;
  EXPECT_EQ(Run({"directory", "import", Table(rows)}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("45 imported, 205 unchanged"));
}

}  // namespace
}  // namespace baton::cli
