#include "storage/vault.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/crypto.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kSlots = Vault::kSlotsPerSegment;
constexpr size_t kSector = 512;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A vault on a disk of its own, whose power can be cut.
class Disk {
 public:
  explicit Disk(uint64_t seed = 1)
      : file_system_(rocksdb::FileSystem::Default(), seed) {}

  FaultFileSystem& file_system() { return file_system_; }
  std::string Path(const std::string& name) const {
    return absl::StrCat(dir_ / "vault/", name);
  }

  absl::StatusOr<std::unique_ptr<Vault>> Open(uint64_t next_slot,
                                              const std::string& kek = "") {
    return Vault::Open(&file_system_, dir_ / "vault",
                       kek.empty() ? std::string(32, 'k') : kek, next_slot,
                       &random_);
  }

  void CutPower() {
    file_system_.Cut();
    file_system_.Restore();
  }

  std::vector<std::string> Files() {
    std::vector<std::string> names;
    EXPECT_TRUE(
        file_system_
            .GetChildren(dir_ / "vault", rocksdb::IOOptions(), &names, nullptr)
            .ok());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  TempDir dir_;
  FaultFileSystem file_system_;
  SystemRandom random_;
};

// Without a vault no test can go on.
std::unique_ptr<Vault> MustOpen(absl::StatusOr<std::unique_ptr<Vault>> vault) {
  if (vault.ok()) return *std::move(vault);
  std::cerr << "the vault does not open: " << vault.status() << std::endl;
  std::abort();
}

class VaultTest : public testing::Test {
 protected:
  VaultTest() { Reopen(1); }

  void Reopen(uint64_t next_slot) {
    vault_.reset();
    vault_ = MustOpen(disk_.Open(next_slot));
  }

  // Takes `count` slots and remembers their keys.
  void Allocate(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const auto slot = vault_->Allocate();
      ASSERT_TRUE(slot.ok()) << slot.status();
      keys_[*slot] = *vault_->Key(*slot);
    }
  }

  void Erase(uint64_t slot) {
    const absl::Status erased = vault_->Erase(slot);
    ASSERT_TRUE(erased.ok()) << erased;
    keys_.erase(slot);
  }

  void ExpectKeys() {
    for (const auto& [slot, key] : keys_) EXPECT_EQ(*vault_->Key(slot), key);
  }

  absl::StatusCode CodeOfKey(uint64_t slot) {
    return vault_->Key(slot).status().code();
  }

  void ExpectRefused(absl::StatusCode code, const std::string& why,
                     uint64_t next_slot = 11) {
    vault_.reset();
    const auto vault = disk_.Open(next_slot);
    EXPECT_EQ(vault.status().code(), code) << vault.status();
    EXPECT_THAT(std::string(vault.status().message()), HasSubstr(why));
    if (code == absl::StatusCode::kDataLoss) {
      EXPECT_THAT(std::string(vault.status().message()),
                  HasSubstr("restore the newest backup"));
    }
  }

  void FlipBit(const std::string& name, size_t byte) {
    std::string bytes = ReadFile(disk_.Path(name));
    ASSERT_LT(byte, bytes.size());
    bytes[byte] ^= 1;
    WriteFile(disk_.Path(name), bytes);
  }

  Disk disk_;
  std::unique_ptr<Vault> vault_;
  std::map<uint64_t, std::string> keys_;  // Slots taken and not erased.
};

// --- Giving out.

TEST_F(VaultTest, SlotsStartAtOneAndHaveKeysOfTheirOwn) {
  Allocate(3);
  EXPECT_EQ(keys_.begin()->first, 1u);
  EXPECT_EQ(keys_.rbegin()->first, 3u);
  EXPECT_EQ(keys_[1].size(), 32u);
  EXPECT_NE(keys_[1], keys_[2]);
  EXPECT_NE(keys_[2], keys_[3]);
}

TEST_F(VaultTest, SlotsNeverMadeHaveNoKey) {
  EXPECT_EQ(CodeOfKey(1), absl::StatusCode::kNotFound);
  Allocate(1);
  for (const uint64_t slot : {uint64_t{0}, kSlots + 1, ~uint64_t{0}}) {
    EXPECT_EQ(CodeOfKey(slot), absl::StatusCode::kNotFound);
  }
}

TEST_F(VaultTest, KeysSurviveAPowerCutWithoutFurtherSync) {
  Allocate(10);
  vault_.reset();
  disk_.CutPower();
  Reopen(11);
  ExpectKeys();
}

TEST_F(VaultTest, GivingOutGoesOnBehindTheHighestSlotNamed) {
  Allocate(10);
  Reopen(8);
  EXPECT_EQ(*vault_->Allocate(), 8u);
  Reopen(11);
  EXPECT_EQ(*vault_->Allocate(), 11u);
}

TEST_F(VaultTest, AnotherSegmentIsMadeWhenTheLastIsUsedUp) {
  Allocate(kSlots + 1);
  EXPECT_THAT(disk_.Files(), ElementsAre("ring", "segment-0.1", "segment-1.1"));
  Reopen(kSlots + 2);
  ExpectKeys();
  EXPECT_EQ(*vault_->Allocate(), kSlots + 2);
  // Exactly at the edge, too.
  Reopen(kSlots + 1);
  EXPECT_EQ(*vault_->Allocate(), kSlots + 1);
}

TEST_F(VaultTest, AnErasedSlotIsNeverGivenOut) {
  Allocate(3);
  Erase(2);
  Reopen(1);
  EXPECT_EQ(*vault_->Allocate(), 1u);
  EXPECT_EQ(*vault_->Allocate(), 3u);
}

// --- Erasing.

TEST_F(VaultTest, KeyOfAnErasedSlotIsNotFound) {
  Allocate(10);
  Erase(4);
  EXPECT_EQ(CodeOfKey(4), absl::StatusCode::kNotFound);
  ExpectKeys();
  Reopen(11);
  EXPECT_EQ(CodeOfKey(4), absl::StatusCode::kNotFound);
  ExpectKeys();
}

TEST_F(VaultTest, ErasingInOneSegmentLeavesTheOthersAlone) {
  Allocate(kSlots + 5);
  Erase(kSlots + 2);
  Erase(7);
  Erase(8);
  Reopen(kSlots + 6);
  ExpectKeys();
  EXPECT_THAT(disk_.Files(), ElementsAre("ring", "segment-0.3", "segment-1.2"));
}

TEST_F(VaultTest, ErasingTwiceIsOkAndWritesNothing) {
  Allocate(2);
  Erase(1);
  const auto files = disk_.Files();
  EXPECT_TRUE(vault_->Erase(1).ok());
  EXPECT_EQ(disk_.Files(), files);
  Reopen(3);
  EXPECT_TRUE(vault_->Erase(1).ok());
}

TEST_F(VaultTest, ErasingASlotNeverMadeIsNotFound) {
  Allocate(1);
  for (const uint64_t slot : {uint64_t{0}, kSlots + 1, ~uint64_t{0}}) {
    EXPECT_EQ(vault_->Erase(slot).code(), absl::StatusCode::kNotFound);
  }
}

TEST_F(VaultTest, TheOldGenerationIsGone) {
  Allocate(10);
  const std::string old_sector = ReadFile(disk_.Path("ring"));
  Erase(4);
  EXPECT_THAT(disk_.Files(), ElementsAre("ring", "segment-0.2"));
  // Nothing that could open the old file is left: its wrapped key is gone.
  EXPECT_EQ(ReadFile(disk_.Path("ring")).find(old_sector.substr(20, 60)),
            std::string::npos);
}

TEST_F(VaultTest, AnUndeletedOldSegmentDoesNotBringTheKeyBack) {
  Allocate(10);
  const std::string old_segment = ReadFile(disk_.Path("segment-0.1"));
  Erase(4);
  WriteFile(disk_.Path("segment-0.1"), old_segment);
  Reopen(11);
  EXPECT_EQ(CodeOfKey(4), absl::StatusCode::kNotFound);
  EXPECT_THAT(disk_.Files(), ElementsAre("ring", "segment-0.2"));
  // Nor under the name of the new one.
  WriteFile(disk_.Path("segment-0.2"), old_segment);
  ExpectRefused(absl::StatusCode::kDataLoss, "segment-0.2 is damaged");
}

TEST_F(VaultTest, KeysAreNotOnDiskInTheClear) {
  Allocate(10);
  for (const std::string& name : disk_.Files()) {
    const std::string bytes = ReadFile(disk_.Path(name));
    for (const auto& [slot, key] : keys_) {
      EXPECT_EQ(bytes.find(key.substr(0, 16)), std::string::npos);
    }
  }
}

// --- Refusals.

TEST_F(VaultTest, AnotherKeyEncryptionKeyIsRefused) {
  Allocate(10);
  vault_.reset();
  const auto vault = disk_.Open(11, std::string(32, 'x'));
  EXPECT_EQ(vault.status().code(), absl::StatusCode::kFailedPrecondition);
  // Also when no record names a slot; and nothing was lost by trying.
  EXPECT_EQ(disk_.Open(1, std::string(32, 'x')).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Reopen(11);
  ExpectKeys();
}

TEST_F(VaultTest, AKeyEncryptionKeyOfAnotherSizeIsRefused) {
  EXPECT_EQ(disk_.Open(1, "short").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(VaultTest, ANewerFormatIsRefused) {
  Allocate(10);
  std::string sector = ReadFile(disk_.Path("ring"));
  sector[3] = '2';
  sector.resize(kSector - 32);
  sector.append(AsBytes(Sha256(sector)).data(), 32);
  WriteFile(disk_.Path("ring"), sector);
  ExpectRefused(absl::StatusCode::kFailedPrecondition,
                "format is not known to this release");
}

TEST_F(VaultTest, ADamagedRingIsRefused) {
  Allocate(10);
  for (size_t byte = 0; byte < kSector; ++byte) {
    FlipBit("ring", byte);
    ExpectRefused(absl::StatusCode::kDataLoss,
                  "sector 0 of the ring is damaged");
    FlipBit("ring", byte);
  }
  Reopen(11);
  ExpectKeys();
}

TEST_F(VaultTest, ARingCutShortIsRefused) {
  Allocate(kSlots + 1);
  const std::string ring = ReadFile(disk_.Path("ring"));
  WriteFile(disk_.Path("ring"), ring.substr(0, kSector + 100));
  ExpectRefused(absl::StatusCode::kDataLoss, "sector 1 of the ring is damaged",
                kSlots + 2);
  WriteFile(disk_.Path("ring"), ring.substr(0, kSector));
  ExpectRefused(absl::StatusCode::kDataLoss, "the ring has 1 of the 2 segments",
                kSlots + 2);
}

TEST_F(VaultTest, SwappedRingSectorsAreRefused) {
  Allocate(kSlots + 1);
  const std::string ring = ReadFile(disk_.Path("ring"));
  WriteFile(disk_.Path("ring"),
            absl::StrCat(ring.substr(kSector), ring.substr(0, kSector)));
  ExpectRefused(absl::StatusCode::kDataLoss, "sector 0 of the ring is another");
}

TEST_F(VaultTest, AMissingRingIsRefused) {
  Allocate(10);
  std::filesystem::remove(disk_.Path("ring"));
  ExpectRefused(absl::StatusCode::kDataLoss, "the ring is missing");
  ExpectRefused(absl::StatusCode::kDataLoss, "the ring is missing", 1);
  std::filesystem::remove(disk_.Path("segment-0.1"));
  ExpectRefused(absl::StatusCode::kDataLoss, "the ring is missing");
}

TEST_F(VaultTest, ADamagedSegmentIsRefused) {
  Allocate(10);
  const size_t size = ReadFile(disk_.Path("segment-0.1")).size();
  for (const size_t byte :
       {size_t{0}, size_t{4}, size_t{19}, size_t{25}, size_t{1000}, size - 1}) {
    FlipBit("segment-0.1", byte);
    ExpectRefused(absl::StatusCode::kDataLoss, "segment-0.1 is damaged");
    FlipBit("segment-0.1", byte);
  }
  std::filesystem::resize_file(disk_.Path("segment-0.1"), size - 1);
  ExpectRefused(absl::StatusCode::kDataLoss, "segment-0.1 is damaged");
}

TEST_F(VaultTest, AMissingSegmentIsRefused) {
  Allocate(10);
  std::filesystem::remove(disk_.Path("segment-0.1"));
  ExpectRefused(absl::StatusCode::kDataLoss, "segment-0.1 is missing");
}

TEST_F(VaultTest, AfterAFailedSyncNothingIsWrittenAnyMore) {
  Allocate(10);
  disk_.file_system().FailSyncs(1);
  EXPECT_FALSE(vault_->Erase(4).ok());
  EXPECT_FALSE(vault_->Erase(4).ok());
  EXPECT_FALSE(vault_->Erase(5).ok());
  vault_.reset();
  disk_.CutPower();
  Reopen(11);
  ExpectKeys();
}

TEST_F(VaultTest, AFullDiskFailsTheErasure) {
  Allocate(10);
  disk_.file_system().SetDiskFull(true);
  EXPECT_FALSE(vault_->Erase(4).ok());
  disk_.file_system().SetDiskFull(false);
  Reopen(11);
  ExpectKeys();
  Erase(4);
}

// --- Crashes. Each test cuts the power at every writing call in turn, with a
// few choices of what the disk kept.

constexpr int kSeeds = 5;

class VaultCrashTest : public testing::TestWithParam<int> {
 protected:
  // Runs `step` on the vault of a disk with `slots` slots given out, the power
  // failing after `calls` writing calls. False when it did not fail.
  template <typename Step>
  bool RunUntilCut(uint64_t slots, int calls, const Step& step) {
    disk_ = std::make_unique<Disk>(GetParam() * 1000 + calls);
    std::unique_ptr<Vault> vault = Reopen(1);
    keys_.clear();
    for (uint64_t i = 0; i < slots; ++i) {
      const uint64_t slot = *vault->Allocate();
      keys_[slot] = *vault->Key(slot);
    }
    disk_->file_system().CutAfter(calls);
    step(*vault);
    const bool cut = disk_->file_system().is_cut();
    vault.reset();
    disk_->CutPower();
    return cut;
  }

  std::unique_ptr<Vault> Reopen(uint64_t next_slot) {
    return MustOpen(disk_->Open(next_slot));
  }

  std::unique_ptr<Disk> disk_;
  std::map<uint64_t, std::string> keys_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, VaultCrashTest, testing::Range(0, kSeeds));

TEST_P(VaultCrashTest, AnErasureHappensWhollyOrNotAtAll) {
  bool cut = true;
  for (int calls = 0; cut; ++calls) {
    SCOPED_TRACE(calls);
    absl::Status erased;
    cut = RunUntilCut(5, calls, [&](Vault& v) { erased = v.Erase(3); });
    const auto vault = Reopen(6);
    for (const auto& [slot, key] : keys_) {
      if (slot == 3) continue;
      EXPECT_EQ(*vault->Key(slot), key);
    }
    const auto key = vault->Key(3);
    if (erased.ok() || !key.ok()) {
      EXPECT_EQ(key.status().code(), absl::StatusCode::kNotFound);
    } else {
      EXPECT_EQ(*key, keys_[3]);
    }
    EXPECT_EQ(disk_->Files().size(), 2u);

    EXPECT_TRUE(vault->Erase(3).ok());
    EXPECT_FALSE(vault->Key(3).ok());
    EXPECT_EQ(*vault->Allocate(), 6u);
    ASSERT_LT(calls, 50);
  }
}

TEST_P(VaultCrashTest, ASecondCutWhileOpeningDoesNoHarm) {
  for (int calls = 0; calls < 12; ++calls) {
    for (int second = 0; second < 6; ++second) {
      SCOPED_TRACE(absl::StrCat(calls, " ", second));
      RunUntilCut(5, calls, [](Vault& v) { v.Erase(3).IgnoreError(); });
      disk_->file_system().CutAfter(second);
      disk_->Open(6).status().IgnoreError();
      disk_->CutPower();
      const auto vault = Reopen(6);
      EXPECT_EQ(*vault->Key(5), keys_[5]);
      EXPECT_TRUE(vault->Erase(3).ok());
    }
  }
}

TEST_P(VaultCrashTest, MakingASegmentHappensWhollyOrNotAtAll) {
  bool cut = true;
  for (int calls = 0; cut; ++calls) {
    SCOPED_TRACE(calls);
    std::string key;
    cut = RunUntilCut(kSlots, calls, [&](Vault& v) {
      const auto slot = v.Allocate();
      if (slot.ok()) key = *v.Key(*slot);
    });
    // A record may name the new slot once it was given out.
    const bool given = !key.empty();
    const auto vault = Reopen(given ? kSlots + 2 : kSlots + 1);
    for (const auto& [slot, old_key] : keys_) {
      ASSERT_EQ(*vault->Key(slot), old_key);
    }
    if (given) {
      EXPECT_EQ(*vault->Key(kSlots + 1), key);
    }
    EXPECT_EQ(*vault->Allocate(), given ? kSlots + 2 : kSlots + 1);
    ASSERT_LT(calls, 50);
  }
}

TEST_P(VaultCrashTest, MakingTheVaultHappensWhollyOrNotAtAll) {
  bool cut = true;
  for (int calls = 0; cut; ++calls) {
    SCOPED_TRACE(calls);
    disk_ = std::make_unique<Disk>(GetParam() * 1000 + calls);
    disk_->file_system().CutAfter(calls);
    std::string key;
    if (auto vault = disk_->Open(1); vault.ok()) {
      if ((*vault)->Allocate().ok()) key = *(*vault)->Key(1);
    }
    cut = disk_->file_system().is_cut();
    disk_->CutPower();
    const bool given = !key.empty();
    const auto vault = Reopen(given ? 2 : 1);
    if (given) {
      EXPECT_EQ(*vault->Key(1), key);
    }
    EXPECT_EQ(*vault->Allocate(), given ? 2u : 1u);
    ASSERT_LT(calls, 50);
  }
}

// A file system on which, once told, the process dies when it syncs a file
// written in place: the system holds what was written, the disk perhaps not.
class DyingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "DyingFileSystem"; }
  void DieAtSync(bool die) { die_ = die; }

  rocksdb::IOStatus NewRandomRWFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* file,
      rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomRWFile> real;
    const auto status = target()->NewRandomRWFile(path, options, &real, debug);
    if (!status.ok() || !die_) {
      *file = std::move(real);
    } else {
      *file = std::make_unique<DyingFile>(std::move(real));
    }
    return status;
  }

 private:
  class DyingFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    using FSRandomRWFileOwnerWrapper::FSRandomRWFileOwnerWrapper;
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&,
                            rocksdb::IODebugContext*) override {
      return rocksdb::IOStatus::IOError("died");
    }
  };

  bool die_ = false;
};

// The ring that Open reads may not be on disk yet. Were the old generation
// removed before it is, a power cut could leave the old ring without its file.
TEST_P(VaultCrashTest, APowerCutAfterAProcessCrashDoesNoHarm) {
  for (int round = 0; round < 10; ++round) {
    TempDir dir;
    SystemRandom random;
    const auto disk = std::make_shared<FaultFileSystem>(
        rocksdb::FileSystem::Default(), GetParam() * 1000 + round);
    DyingFileSystem process(disk);
    const auto open = [&](uint64_t next_slot) {
      return MustOpen(Vault::Open(&process, dir / "vault", std::string(32, 'k'),
                                  next_slot, &random));
    };
    auto vault = open(1);
    const std::string key = *vault->Key(*vault->Allocate());
    ASSERT_TRUE(vault->Allocate().ok());
    process.DieAtSync(true);
    ASSERT_FALSE(vault->Erase(2).ok());
    process.DieAtSync(false);
    vault = nullptr;
    vault = open(3);
    vault = nullptr;
    disk->Cut();
    disk->Restore();
    vault = open(3);
    EXPECT_EQ(*vault->Key(1), key);
  }
}

// --- Threads.

TEST_F(VaultTest, ReadersSeeTheKeyOrItsErasure) {
  Allocate(64);
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, keys = keys_] {
      while (!done) {
        for (const auto& [slot, key] : keys) {
          const auto read = vault_->Key(slot);
          if (read.ok()) {
            EXPECT_EQ(*read, key);
          } else {
            EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
          }
        }
      }
    });
  }
  for (uint64_t slot = 1; slot <= 20; ++slot) Erase(slot);
  Allocate(kSlots);
  done = true;
  for (std::thread& reader : readers) reader.join();
  ExpectKeys();
}

}  // namespace
}  // namespace baton
