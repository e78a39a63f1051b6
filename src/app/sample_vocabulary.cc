#include "app/sample_vocabulary.h"

#include <array>

namespace lakehouse::app {

std::span<const std::string_view> FirstNames() {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"Maria",   "James", "Aisha",   "Robert",  "Linh",   "Michael", "Elena",  "David", "Fatima",
       "Daniel",  "Grace", "Carlos",  "Nina",    "Thomas", "Priya",   "Kevin",  "Sofia", "Marcus",
       "Hannah",  "Andre", "Mei",     "Patrick", "Lucia",  "Samuel",  "Olga",   "Jamal", "Katie",
       "Hiroshi", "Rosa",  "Brian",   "Zoe",     "Tyrone", "Anna",    "Luis",   "Ebony", "Steven",
       "Ingrid",  "Diego", "Rachel",  "Omar",    "Claire", "Victor",  "Amara",  "Peter", "Yuki",
       "José",    "Zoë",   "Siobhán", "Renée",   "Björn",  "Denise",  "Walter", "Tanya", "Miguel"});
  return kNames;
}

std::span<const std::string_view> LastNames() {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"Garcia", "Smith",     "Nguyen",   "Johnson", "Patel",   "Williams", "Kowalski",
       "Brown",  "Rodriguez", "Kim",      "Davis",   "Okafor",  "Miller",   "Hernandez",
       "Wilson", "Chen",      "Anderson", "Ali",     "Thomas",  "Lopez",    "Moore",
       "Singh",  "Jackson",   "Novak",    "Martin",  "Tran",    "Lee",      "O'Brien",
       "Perez",  "Walker",    "Sato",     "Hall",    "Ivanova", "Young",    "Mbeki",
       "King",   "Santos",    "Wright",   "Haddad",  "Scott",   "Muñoz",    "Jean-Baptiste",
       "Green",  "D'Angelo",  "Baker",    "Petrov",  "Rivera",  "Adams"});
  return kNames;
}

std::span<const std::string_view> Recruiters() {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"Dana Whitfield", "Marco Bianchi", "Keisha Barnes", "Tom Lindqvist", "Ines Carvalho",
       "Raj Malhotra", "Beth Stone", "Luke Harmon"});
  return kNames;
}

std::span<const std::string_view> CompanyStems() {
  static constexpr auto kStems = std::to_array<std::string_view>(
      {"Lakeshore", "Prairie",      "Northgate", "Blue Harbor", "Summit",
       "Ironwood",  "Cedar Point",  "Riverside", "Golden Mile", "Union Square",
       "Granite",   "Silver Birch", "Eastfield", "Meridian",    "Keystone",
       "Bayview",   "Stonebridge",  "Fairmont",  "Oak Street",  "Highland"});
  return kStems;
}

std::span<const std::string_view> CompanyEndings() {
  static constexpr auto kEndings = std::to_array<std::string_view>(
      {"Health", "Logistics", "Systems", "Manufacturing", "Foods", "Financial", "Hospital",
       "Builders", "Energy", "Care Group", "Software", "Distribution"});
  return kEndings;
}

std::span<const std::string_view> LanguageSentences() {
  static constexpr auto kSentences = std::to_array<std::string_view>(
      {"Speaks fluent Spanish and interprets for families when needed.",
       "Bilingual in English and Polish.", "Native Tagalog speaker with excellent English.",
       "Comfortable holding meetings in French.", "Speaks Vietnamese at home and some Mandarin.",
       "Knows American Sign Language.", "Fluent in Arabic and English."});
  return kSentences;
}

std::span<const std::string_view> ShiftSentences() {
  static constexpr auto kSentences = std::to_array<std::string_view>(
      {"Prefers the night shift and has worked nights for years.",
       "Looking for day shifts only because of school pick-up.",
       "Available on weekends and holidays.", "Happy to take evening shifts and overtime.",
       "Flexible about shifts, including rotating nights.",
       "Wants a fixed Monday to Friday schedule."});
  return kSentences;
}

std::span<const std::string_view> ClosingSentences() {
  static constexpr auto kSentences = std::to_array<std::string_view>(
      {"References are available from the last two supervisors.",
       "Has a car and a clean driving record.", "Can start within two weeks.",
       "Relies on public transport and prefers sites near a train line.",
       "Looking for a contract with a chance of a permanent position.",
       "Was praised for punctuality and for never missing a shift.",
       "Returned to work last year after caring for a parent.", "Open to travel within the region.",
       "Would like to grow into a team lead role."});
  return kSentences;
}

std::span<const City> Cities() {
  static constexpr auto kCities = std::to_array<City>({{"Chicago", "IL", "606", "312"},
                                                       {"Boston", "MA", "021", "617"},
                                                       {"Houston", "TX", "770", "713"},
                                                       {"Phoenix", "AZ", "850", "602"},
                                                       {"Seattle", "WA", "981", "206"},
                                                       {"Denver", "CO", "802", "303"},
                                                       {"Atlanta", "GA", "303", "404"},
                                                       {"Newark", "NJ", "071", "973"},
                                                       {"Milwaukee", "WI", "532", "414"},
                                                       {"Columbus", "OH", "432", "614"},
                                                       {"Miami", "FL", "331", "305"},
                                                       {"Portland", "OR", "972", "503"},
                                                       {"Nashville", "TN", "372", "615"},
                                                       {"Hartford", "CT", "061", "860"}});
  return kCities;
}

}  // namespace lakehouse::app
