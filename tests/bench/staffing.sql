select city, count(*) as n, avg(desired_rate) as rate from candidates group by city order by n desc, city;

select c.id, c.first_name, c.last_name, count(*) as calls
from candidates c join calls k on k.candidate_id = c.id
where c.city = 'Chicago' and (c.title = 'Java Developer' or c.skills like '%Java;%')
  and not exists (select 1 from placements p where p.candidate_id = c.id)
group by all having count(*) >= 5 order by calls desc, c.id;

select word, count(*) as n
from (select unnest(string_split(lower(resume), ' ')) as word from candidates)
group by word order by n desc, word limit 20;

select count(*) from candidates where regexp_matches(resume, '(night|weekend).*(certified|licensed)');

select recruiter, date_trunc('month', called_at) as month, count(*) as n,
       median(duration_seconds) as typical, count(distinct candidate_id) as people
from calls group by all order by all;

select j.client_id, sum((p.bill_rate - p.pay_rate) * (t.regular_hours + 1.5 * t.overtime_hours)) as margin
from timesheets t join placements p on p.id = t.placement_id join jobs j on j.id = p.job_id
where t.approved group by 1 order by margin desc, 1 limit 20;

select c.state, c.title, max(length(c.resume)) as longest, min(levenshtein(c.title, j.title)) as nearest
from candidates c join jobs j on j.state = c.state
where j.id % 8 = 0 and c.id % 16 = 0 group by all order by all limit 50;

select candidate_id, string_agg(outcome, ',' order by called_at) as history
from calls group by 1 having count(*) > 7 order by 1 limit 1000;
