#include "app/sample_vocabulary.h"

namespace lakehouse::app {

namespace {

Trade JavaDeveloper() {
  return {"software",
          {"Java Developer", "Senior Java Developer", "Java Backend Engineer"},
          {"Java", "Spring Boot", "SQL", "Kafka", "Hibernate", "Kubernetes", "AWS", "REST"},
          48,
          95,
          {"Backend engineer who has built Java services for payments and logistics.",
           "Java developer with a focus on Spring Boot and event-driven systems.",
           "Software engineer who likes clean interfaces and well-tested Java code."},
          {"Moved a monolith to a dozen Spring Boot services on Kubernetes.",
           "Cut the nightly settlement job from four hours to twenty minutes by rewriting its SQL.",
           "Designed Kafka topics and consumers that handle two million messages a day.",
           "Mentored three junior developers and ran code reviews.",
           "Kept a claims platform at 99.95 % availability while on call.",
           "Replaced hand-written JDBC with Hibernate and removed a class of injection bugs."},
          {"Oracle Certified Professional, Java SE 17.", "AWS Certified Developer.",
           "Holds a bachelor's degree in computer science."}};
}

Trade Nurse() {
  return {"healthcare",
          {"Registered Nurse", "ICU Nurse", "Emergency Room Nurse", "Charge Nurse"},
          {"Patient Care", "BLS", "ACLS", "Epic", "IV Therapy", "Triage", "Wound Care"},
          38,
          72,
          {"Registered nurse with experience in intensive care and emergency medicine.",
           "Compassionate nurse who stays calm when the ward is full.",
           "Bedside nurse who has worked in two level-one trauma centers."},
          {"Cared for up to six patients a shift on a busy medical-surgical floor.",
           "Managed ventilators, drips and post-operative monitoring in the ICU.",
           "Triaged walk-in patients and started treatment within minutes.",
           "Trained new graduates during their first twelve weeks.",
           "Reduced medication errors by introducing a double-check at handover.",
           "Charted in Epic and prepared discharge plans with families."},
          {"Holds a BSN and a compact state license.", "BLS, ACLS and PALS certified.",
           "Certified in critical care nursing."}};
}

Trade ForkliftOperator() {
  return {"logistics",
          {"Forklift Operator", "Warehouse Associate", "Reach Truck Driver", "Order Picker"},
          {"Forklift", "RF Scanner", "Inventory", "Pallet Jack", "Loading", "Safety"},
          17,
          27,
          {"Forklift operator who has worked in cold storage and high-bay warehouses.",
           "Reliable warehouse worker with a strong safety record.",
           "Experienced picker and packer for online retail."},
          {"Loaded and unloaded forty trailers a week with a sit-down forklift.",
           "Counted stock with RF scanners and resolved discrepancies.",
           "Picked 180 lines an hour at 99.7 % accuracy in peak season.",
           "Worked at minus twenty degrees in a frozen food warehouse.",
           "Checked trucks for damage before every shift."},
          {"OSHA forklift certification, renewed this year.", "Completed hazardous goods training.",
           "High school diploma."}};
}

Trade Electrician() {
  return {"construction",
          {"Journeyman Electrician", "Industrial Electrician", "Electrical Technician"},
          {"Wiring", "Conduit", "PLC", "Blueprints", "Troubleshooting", "NEC"},
          29,
          52,
          {"Licensed electrician for commercial and industrial sites.",
           "Electrician who enjoys finding faults that others gave up on."},
          {"Ran conduit and pulled cable for a hospital extension.",
           "Programmed and repaired PLC controls on packaging lines.",
           "Installed solar inverters and battery storage on school roofs.",
           "Read blueprints and planned material for a crew of five.",
           "Brought an old plant up to the current electrical code."},
          {"State journeyman license.", "OSHA 30 card.", "Five-year union apprenticeship."}};
}

Trade Accountant() {
  return {"finance",
          {"Staff Accountant", "Accounts Payable Specialist", "Payroll Accountant"},
          {"Excel", "QuickBooks", "GAAP", "Payroll", "Reconciliation", "SAP"},
          24,
          48,
          {"Accountant who closes the books on time and explains the numbers plainly.",
           "Detail-oriented bookkeeper for mid-sized companies."},
          {"Ran payroll for six hundred employees in four states.",
           "Reconciled bank and vendor accounts every month.",
           "Found and recovered duplicate payments of eighty thousand dollars.",
           "Prepared schedules for the annual audit without a single finding.",
           "Moved a company from spreadsheets to QuickBooks."},
          {"CPA candidate with two parts passed.", "Bachelor's degree in accounting.",
           "Certified payroll professional."}};
}

Trade CustomerService() {
  return {"services",
          {"Customer Service Representative", "Call Center Agent", "Help Desk Specialist"},
          {"Phone Support", "Zendesk", "Salesforce", "De-escalation", "Typing", "Billing"},
          16,
          26,
          {"Patient customer service agent with a friendly phone voice.",
           "Help desk specialist who likes to solve problems in one call."},
          {"Answered seventy calls a day about billing and deliveries.",
           "Calmed angry customers and kept them from cancelling.",
           "Wrote help articles that cut repeat tickets by a fifth.",
           "Supported hotel guests by chat and e-mail.",
           "Reset passwords and set up laptops for new staff."},
          {"CompTIA A+ certified.", "Completed a course in conflict resolution.",
           "Associate degree in communications."}};
}

Trade DataAnalyst() {
  return {"software",
          {"Data Analyst", "Business Intelligence Developer", "Python Data Engineer"},
          {"Python", "SQL", "Tableau", "Pandas", "Airflow", "Statistics"},
          35,
          78,
          {"Data analyst who turns messy exports into decisions.",
           "Engineer for data pipelines in Python and SQL."},
          {"Built dashboards that the sales team opens every morning.",
           "Wrote Airflow pipelines that load forty sources into one warehouse.",
           "Forecast staffing demand for hospitals with two percent error.",
           "Cleaned ten years of survey data and documented every step.",
           "Taught SQL to colleagues in finance."},
          {"Master's degree in statistics.", "Tableau Desktop Specialist.",
           "Completed a data engineering bootcamp."}};
}

Trade Welder() {
  return {"manufacturing",
          {"MIG Welder", "TIG Welder", "Machine Operator", "CNC Machinist"},
          {"MIG", "TIG", "CNC", "Blueprints", "Grinding", "Quality Control"},
          20,
          38,
          {"Welder for structural steel and stainless food equipment.",
           "Machinist who sets up, runs and checks his own parts."},
          {"Welded frames for trailers to tight tolerances.",
           "Set up CNC lathes and held five ten-thousandths of an inch.",
           "Ground and polished sanitary stainless tanks.",
           "Inspected first parts with calipers and a coordinate measuring machine.",
           "Kept a press line running through two shifts."},
          {"AWS certified welder.", "Trade school diploma in machining.",
           "Lean Six Sigma yellow belt."}};
}

Trade Cook() {
  return {"hospitality",
          {"Line Cook", "Sous Chef", "Catering Assistant"},
          {"Grill", "Food Safety", "Prep", "Menu Planning", "Inventory", "Baking"},
          15,
          29,
          {"Cook who is fast on the line and clean at the end of the night.",
           "Chef with experience in hotels and hospital kitchens."},
          {"Ran the grill station for two hundred covers a night.",
           "Planned menus for patients with diabetes and allergies.",
           "Baked bread and pastry for a hotel breakfast.",
           "Catered weddings for three hundred guests.",
           "Cut food waste by a third with daily prep sheets."},
          {"ServSafe manager certificate.", "Culinary arts diploma."}};
}

Trade TruckDriver() {
  return {"logistics",
          {"CDL Truck Driver", "Delivery Driver", "Dispatcher"},
          {"CDL A", "Route Planning", "ELD", "Hazmat", "Customer Contact", "Loading"},
          21,
          36,
          {"Truck driver with a million safe miles.",
           "Delivery driver who knows every dock in the region."},
          {"Hauled refrigerated goods across the Midwest.",
           "Delivered furniture and set it up in customers' homes.",
           "Planned routes for twelve drivers and saved fuel.",
           "Kept electronic logs without a violation for eight years.",
           "Drove tankers with hazardous goods endorsement."},
          {"CDL class A with hazmat endorsement.", "TWIC card.", "Defensive driving certificate."}};
}

Trade HomeHealthAide() {
  return {"healthcare",
          {"Home Health Aide", "Certified Nursing Assistant", "Medical Assistant"},
          {"Patient Care", "Vital Signs", "CPR", "Mobility Aid", "Charting", "Phlebotomy"},
          16,
          25,
          {"Caring aide for elderly people who want to stay at home.",
           "Nursing assistant with nine years in long-term care."},
          {"Helped residents with bathing, dressing and meals.",
           "Took vital signs and reported changes to the nurse.",
           "Drew blood and prepared samples for the laboratory.",
           "Supported patients with dementia and their families.",
           "Drove clients to appointments and kept them company."},
          {"State CNA certificate.", "CPR and first aid certified.", "Phlebotomy certificate."}};
}

Trade FrontendDeveloper() {
  return {"software",
          {"Frontend Developer", "JavaScript Developer", "UX Engineer"},
          {"JavaScript", "TypeScript", "React", "CSS", "Accessibility", "Node.js"},
          42,
          88,
          {"Frontend developer who cares about speed and accessibility.",
           "Engineer who builds user interfaces with React and TypeScript."},
          {"Rebuilt a booking site that now loads in a second on old phones.",
           "Made a government portal usable with screen readers.",
           "Wrote a component library used by five teams.",
           "Ran usability tests and fixed what people stumbled over.",
           "Moved forty thousand lines from JavaScript to TypeScript."},
          {"Bachelor's degree in interaction design.", "Certified in web accessibility.",
           "Contributor to open source projects."}};
}

}  // namespace

const std::vector<Trade>& Trades() {
  static const std::vector<Trade> kTrades = {
      JavaDeveloper(), Nurse(),           ForkliftOperator(), Electrician(),
      Accountant(),    CustomerService(), DataAnalyst(),      Welder(),
      Cook(),          TruckDriver(),     HomeHealthAide(),   FrontendDeveloper()};
  return kTrades;
}

}  // namespace lakehouse::app
